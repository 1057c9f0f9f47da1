// Host functions that the package's ABI declarations lack or bind to another function. The file's
// name makes `env` their import module.

/** Replaces `length` bytes from `start` of a buffer by `size` bytes at `data`. */
export declare function proxy_set_buffer_bytes(
  type: i32,
  start: u32,
  length: u32,
  data: usize,
  size: usize,
): u32;
