import { onTestFinished } from "vitest";
import { ModelServer } from "../../simulator/server.ts";
import { DEFAULT_SETTINGS, type Settings } from "../../simulator/settings.ts";

export interface StartedServer {
  server: ModelServer;
  url: string;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  get(path: string): Promise<Response>;
}

/** A model server on a free port, fast, stopped when the test ends. */
export async function startedServer(settings: Partial<Settings> = {}): Promise<StartedServer> {
  const server = new ModelServer({ ...DEFAULT_SETTINGS, port: 0, speed: 1000, ...settings });
  const url = `http://127.0.0.1:${await server.listen()}`;
  onTestFinished(() => server.app.close());
  return {
    server,
    url,
    post: (path, body, headers = {}) =>
      fetch(url + path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    get: (path) => fetch(url + path),
  };
}

export function chat(content: string, more: object = {}): object {
  return { messages: [{ role: "user", content }], max_tokens: 4, ...more };
}
