// What replicas agree on, as a script that the shared store runs as one step: the generation, and the
// numbers of slots and pools. A number belongs to its name until no replica has named it for a while.

import { POOLS_MAX, SLOTS_MAX } from "../../protocol/limits.ts";

/** Longer than anything names a slot in flight, and than a replica is silent that still lives. */
export const KEPT_MS = 60_000;
/** So often names are said to be still in use. */
export const AGREE_MS = 10_000;
/** Where numbers run out, a name that nobody has said to be in use for so long gives its own away. */
const SPARED_MS = 2 * AGREE_MS;

/** Names, each with the number proposed for it; null proposes none. */
type Proposals = ReadonlyMap<string, number | null>;

export interface Proposal {
  /** In force unless another is already. */
  generation: number;
  slots: Proposals;
  pools: Proposals;
}

export interface Agreement {
  generation: number;
  /** Of those proposed; a name is absent where there is no number left. */
  slots: Map<string, number>;
  pools: Map<string, number>;
}

/** In the order of the script's KEYS; the part in braces keeps them on one node of a cluster. */
export function agreementKeys(prefix: string): string[] {
  return ["generation", "slots", "slots-seen", "pools", "pools-seen"].map(
    (name) => `{${prefix}}:${name}`,
  );
}

export function agreementArguments({ generation, slots, pools }: Proposal): string[] {
  const limits = [generation, KEPT_MS, SPARED_MS, SLOTS_MAX, POOLS_MAX, slots.size].map(String);
  return [...limits, ...words(slots), ...words(pools)];
}

function words(proposals: Proposals): string[] {
  return [...proposals].flatMap(([name, number]) => [name, String(number ?? NONE)]);
}

const NONE = -1;

/** `answer` is the script's: the generation, then numbers in the order of the proposals. */
export function readAgreement(proposal: Proposal, answer: readonly number[]): Agreement {
  const [generation = proposal.generation, ...numbers] = answer;
  const { slots, pools } = proposal;
  return {
    generation,
    slots: numbered(slots, numbers.slice(0, slots.size)),
    pools: numbered(pools, numbers.slice(slots.size)),
  };
}

function numbered(proposals: Proposals, numbers: readonly number[]): Map<string, number> {
  const names = [...proposals.keys()];
  const pairs = names.map((name, at): [string, number] => [name, numbers[at] ?? NONE]);
  return new Map(pairs.filter(([, number]) => number !== NONE));
}

export const AGREEMENT_SCRIPT = `
local generation = redis.call('GET', KEYS[1])
if not generation then
  redis.call('SET', KEYS[1], ARGV[1])
  generation = ARGV[1]
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept, spared = tonumber(ARGV[2]), tonumber(ARGV[3])
local answer = { tonumber(generation) }

local function map(key)
  local flat, pairs = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do pairs[flat[i]] = tonumber(flat[i + 1]) end
  return pairs
end

local function forget(numbersKey, seenKey, name)
  redis.call('HDEL', numbersKey, name)
  redis.call('HDEL', seenKey, name)
end

-- Names that may give their numbers away, the longest unseen last.
local function silentOf(numbers, seen, asked)
  local silent = {}
  for name in pairs(numbers) do
    if not asked[name] and now - (seen[name] or 0) >= spared then silent[#silent + 1] = name end
  end
  table.sort(silent, function(a, b)
    local seenA, seenB = seen[a] or 0, seen[b] or 0
    if seenA ~= seenB then return seenA > seenB end
    return a > b
  end)
  return silent
end

local function agree(numbersKey, seenKey, most, first, last)
  local numbers, seen, asked, holders = map(numbersKey), map(seenKey), {}, {}
  for i = first, last, 2 do asked[ARGV[i]] = true end
  for name, number in pairs(numbers) do
    if asked[name] or now - (seen[name] or 0) < kept then
      holders[number] = name
    else
      forget(numbersKey, seenKey, name)
      numbers[name] = nil
    end
  end
  local free, silent = 0, nil
  for i = first, last, 2 do
    local name, number = ARGV[i], numbers[ARGV[i]]
    if not number then
      number = tonumber(ARGV[i + 1])
      if number < 0 or number >= most or holders[number] then
        while free < most and holders[free] do free = free + 1 end
        number = free < most and free or -1
      end
      if number < 0 then
        silent = silent or silentOf(numbers, seen, asked)
        local giver = table.remove(silent)
        if giver then
          number = numbers[giver]
          numbers[giver] = nil
          forget(numbersKey, seenKey, giver)
        end
      end
      if number >= 0 then
        holders[number] = name
        numbers[name] = number
        redis.call('HSET', numbersKey, name, number)
      end
    end
    if number >= 0 then redis.call('HSET', seenKey, name, now) end
    answer[#answer + 1] = number
  end
end

local slotsEnd = 6 + 2 * tonumber(ARGV[6])
agree(KEYS[2], KEYS[3], tonumber(ARGV[4]), 7, slotsEnd)
agree(KEYS[4], KEYS[5], tonumber(ARGV[5]), slotsEnd + 1, #ARGV)
return answer
`;
