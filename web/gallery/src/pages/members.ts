// What only members use, in one chunk of its own.

export { Create, Edit } from "./editor";
export { Mine } from "./mine";
export { Paint } from "./paint";
export { Preferences } from "./preferences";
export { SignIn } from "./signin";
