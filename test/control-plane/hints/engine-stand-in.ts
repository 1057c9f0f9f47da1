// A metrics page that says what a test wants, on a port that can be closed and opened again.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export class EngineStandIn {
  waiting = 0;
  running = 0;
  kvUse = 0;
  /** 0: the engine does not tell. */
  cacheTokens = 0;
  adapters: string[] = [];
  model = "base";
  /** What it lists at /v1/models; null: nothing. */
  listed: string[] | null = null;
  #server: Server | null = null;
  #port = 0;

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async open(): Promise<this> {
    const server = createServer(({ url }, response) => {
      response.end(url === "/v1/models" ? this.#list() : this.#page());
    });
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (!server) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }

  #list(): string {
    const data = this.listed?.map((id) => ({ id, object: "model" }));
    return JSON.stringify({ object: "list", data });
  }

  #page(): string {
    const lines = [
      `vllm:num_requests_waiting{model_name="${this.model}"} ${this.waiting}`,
      `vllm:num_requests_running ${this.running}`,
      `vllm:kv_cache_usage_perc ${this.kvUse}`,
    ];
    if (this.cacheTokens > 0) {
      const blocks = this.cacheTokens / 16;
      lines.push(`vllm:cache_config_info{block_size="16",num_gpu_blocks="${blocks}"} 1`);
    }
    const adapters = this.adapters.join(",");
    const labels = `max_lora="4",running_lora_adapters="${adapters}",waiting_lora_adapters=""`;
    if (adapters !== "") lines.push(`vllm:lora_requests_info{${labels}} 1`);
    return `${lines.join("\n")}\n`;
  }
}
