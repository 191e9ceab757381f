import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode, startTransition } from "react";
import { createRoot, hydrateRoot } from "react-dom/client";
import { first, seed, tellOfThePage } from "./api/first";
import { newQueryClient } from "./api/queries";
import { App } from "./app";
import "./styles/tokens.css";
import "./styles/base.css";

const root = document.getElementById("root");
if (root === null) throw new Error("the page has no #root to be shown in");

const told = first();
const client = newQueryClient();
seed(client, told, location.search);

const app = (
  <StrictMode>
    <QueryClientProvider client={client}>
      <App />
    </QueryClientProvider>
  </StrictMode>
);

// What the server wrote is taken over as it stands: nothing on the first screen is made twice.
// As a transition, which is done in slices: whoever scrolls meanwhile is not held up.
if (told.is_written) startTransition(() => void hydrateRoot(root, app));
else createRoot(root).render(app);
tellOfThePage(told, location.search);
