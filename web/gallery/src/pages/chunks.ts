// A character's page is the most likely next: its script is fetched with its data.

export const loadCharacter = () => import("./character");
