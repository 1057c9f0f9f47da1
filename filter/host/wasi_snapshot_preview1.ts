// biome-ignore-all lint/style/useFilenamingConvention: the name of the import module is WASI's

// What the host has of WASI. The file's name makes it the import module.

/** Fills memory with bytes that nobody can tell beforehand. */
export declare function random_get(at: usize, bytes: usize): u32;
