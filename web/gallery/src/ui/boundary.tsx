import { Component, type ReactNode } from "react";
import { Failed } from "./states";

/** A mistake in one page, or a chunk that did not arrive, leaves the rest of the page usable. */
export class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return <Failed error={this.state.error} again={() => location.reload()} />;
  }
}
