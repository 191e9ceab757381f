// What the API answers (apps/gallery/src/gallery/web/views.py), as far as the page uses it.

export const MODES = ["trending", "featured", "discover", "newest", "all"] as const;
export type Mode = (typeof MODES)[number];

export interface Card {
  id: number;
  name: string;
  creator: string;
  blurb: string;
  picture: string;
  tones: string[];
  tags: string[];
  like_count: number;
}

export interface Page {
  mode: Mode;
  page: number;
  page_size: number;
  total: number;
  has_more: boolean;
  items: Card[];
}

export interface Cards {
  items: Card[];
}

export interface Featured extends Cards {
  is_personal: boolean;
}

export interface Character {
  id: number;
  creator_id: number;
  creator: string;
  name: string;
  description: string;
  attributes: Record<string, string>;
  tags: string[];
  picture: string;
  tones: string[];
  version: number;
  like_count: number;
  view_count: number;
  created_at: string;
  liked: boolean | null;
  can_edit: boolean;
}

/** What liking, and taking it back, are answered by. */
export interface Likes {
  liked: boolean;
  like_count: number;
}

export interface Image {
  id: number;
  owner_id: number;
  owner: string;
  character_id: number | null;
  kind: "portrait" | "upload" | "generated";
  digest: string;
  prompt: string | null;
  width: number;
  height: number;
}

export interface Images {
  items: Image[];
}

export interface Facets {
  species: string[];
  tags: string[];
}

/** Which attributes the painter understands, and the words it knows for each. */
export interface Words {
  attributes: Record<string, string[]>;
}

export interface Job {
  id: string;
  prompt: string;
  seed: number;
  status: "queued" | "running" | "done" | "failed";
  error: string | null;
}

export interface Result {
  job: Job;
  image: Image;
}

export interface User {
  id: number;
  username: string;
  role: "user" | "admin";
}

export interface Me {
  user: User | null;
}

export interface Preferences {
  tag_weights: Record<string, number>;
  hidden_tags: string[];
  favourite_species: string | null;
  sort: Mode;
}

export interface CharacterInput {
  name: string;
  description: string;
  attributes: Record<string, string>;
  tags: string[];
}
