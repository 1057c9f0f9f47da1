/** Not 0 in the build for tests, which can be made to trap; asconfig.json says which is which. */
declare const TRAPS: i32;
