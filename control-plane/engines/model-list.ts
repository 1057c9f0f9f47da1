// The answer of a model server to `GET /v1/models`: every name it answers to, adapters included.

/** Longer names are no model's. */
const NAME_CHARACTERS_MAX = 256;

/** Null where the page is no such list. */
export function readModelList(page: string): string[] | null {
  let list: unknown;
  try {
    list = JSON.parse(page);
  } catch {
    return null;
  }
  const data = (list as { data?: unknown } | null)?.data;
  if (!Array.isArray(data)) return null;
  const names = data.map((card: { id?: unknown } | null) => card?.id);
  const isName = (name: unknown) =>
    typeof name === "string" && name !== "" && name.length <= NAME_CHARACTERS_MAX;
  return [...new Set(names.filter(isName) as string[])];
}
