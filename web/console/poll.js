// Asks again and again while somebody looks: never twice at once, rarely when the tab is hidden, more slowly when the
// platform does not answer.

const HIDDEN_FACTOR = 10;
const SLOWEST_MS = 30_000;

/** Runs `work` now and then every `pauseMs`. Returns how to have it run at once, and how to end it. */
export function every(pauseMs, work) {
  let timer = null;
  let isRunning = false;
  let isWanted = false;
  let hasEnded = false;
  let failures = 0;

  async function run() {
    clearTimeout(timer);
    if (hasEnded) return;
    if (isRunning) {
      isWanted = true;
      return;
    }
    isRunning = true;
    try {
      await work();
      failures = 0;
    } catch {
      failures += 1;
    }
    isRunning = false;
    if (hasEnded) return;
    if (isWanted) {
      isWanted = false;
      run();
      return;
    }
    const slower = document.hidden ? HIDDEN_FACTOR : 1;
    timer = setTimeout(run, Math.min(SLOWEST_MS, pauseMs * slower * 2 ** Math.min(failures, 4)));
  }

  const onVisible = () => {
    if (!document.hidden) run();
  };
  document.addEventListener("visibilitychange", onVisible);
  run();
  return {
    now: run,
    end() {
      hasEnded = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisible);
    },
  };
}
