import { ApiError } from "./api/api-error.ts";

interface ModelCard {
  id: string;
  object: "model";
  created: number;
  owned_by: string;
  root: string;
  parent: string | null;
  max_model_len?: number;
}

/** The names this server answers to: one base model, its aliases, and LoRA adapters. */
export class Models {
  readonly #names: readonly string[];
  readonly #root: string;
  readonly #contextTokensMax: number;
  /** Adapter name to the path it was loaded from. */
  readonly #adapters = new Map<string, string>();
  readonly #createdAt = Math.floor(Date.now() / 1000);

  constructor(root: string, names: readonly string[], contextTokensMax: number) {
    this.#root = root;
    this.#names = names.length > 0 ? names : [root];
    this.#contextTokensMax = contextTokensMax;
  }

  get baseName(): string {
    return this.#names[0] as string;
  }

  /** The adapter that a request's model names, or undefined for the base model. */
  adapterOf(model: string): string | undefined {
    if (this.#adapters.has(model)) return model;
    if (model === "" || this.#names.includes(model)) return undefined;
    throw new ApiError(404, `The model \`${model}\` does not exist.`, "model");
  }

  load(name: string, path: string): void {
    if (this.#adapters.has(name) || this.#names.includes(name)) {
      throw new ApiError(
        400,
        `The lora adapter '${name}' has already been loaded. Unload it first, or name another.`,
        "lora_name",
      );
    }
    this.#adapters.set(name, path);
  }

  unload(name: string): void {
    if (this.#adapters.delete(name)) return;
    throw new ApiError(404, `The lora adapter '${name}' cannot be found.`, "lora_name");
  }

  list(): { object: "list"; data: ModelCard[] } {
    const base = this.#names.map((name) => ({
      ...this.#card(name, this.#root, null),
      max_model_len: this.#contextTokensMax,
    }));
    const adapters = [...this.#adapters].map(([name, path]) =>
      this.#card(name, path, this.baseName),
    );
    return { object: "list", data: [...base, ...adapters] };
  }

  #card(id: string, root: string, parent: string | null): ModelCard {
    const created = this.#createdAt;
    return { id, object: "model", created, owned_by: "hintway-simulator", root, parent };
  }
}
