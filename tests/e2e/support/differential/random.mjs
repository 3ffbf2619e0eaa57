// Numbers that only look random: the same seed gives the same ones, on every machine and in every version of Node.js.

/** A source of choices under a seed, an integer. */
export class Random {
  #state;

  constructor(seed) {
    this.#state = (seed ^ 0x5deece66) >>> 0;
    for (let warm = 0; warm < 8; warm += 1) this.#next();
  }

  /** An integer from 0 on, below the bound. */
  below(bound) {
    return Math.floor((this.#next() / 2 ** 32) * bound);
  }

  /** An integer of this range, both ends included. */
  between(low, high) {
    return low + this.below(high - low + 1);
  }

  /** True so many times in a hundred. */
  percent(share) {
    return this.below(100) < share;
  }

  /** One of these. */
  one(list) {
    return list[this.below(list.length)];
  }

  /** One of the keys, as often as the number behind it says. */
  weighted(weights) {
    const entries = Object.entries(weights);
    let rest = this.below(entries.reduce((sum, [, weight]) => sum + weight, 0));
    for (const [key, weight] of entries) {
      if (rest < weight) return key;
      rest -= weight;
    }
    throw new Error("weights are positive integers");
  }

  /** The same list in another order. */
  shuffled(list) {
    const copy = [...list];
    for (let last = copy.length - 1; last > 0; last -= 1) {
      const other = this.below(last + 1);
      [copy[last], copy[other]] = [copy[other], copy[last]];
    }
    return copy;
  }

  // A counter, scrambled by two rounds of multiplying and shifting.
  #next() {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  }
}
