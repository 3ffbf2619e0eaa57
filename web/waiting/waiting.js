// Keeps the waiting page current without reloading it. The words stand in the page and in the answers of the
// waiting room; this script only says which of them are true now. Without it the page reloads itself.
(() => {
  const line = document.getElementById('line');
  const ahead = document.getElementById('ahead');
  const number = document.getElementById('number');
  const message = document.getElementById('message');
  const progress = document.getElementById('progress');
  const updated = document.getElementById('updated');
  const trouble = document.getElementById('trouble');
  const say = document.getElementById('say');
  const go = document.getElementById('go');
  const count = document.getElementById('count');
  const countdown = document.getElementById('countdown');

  const ANSWER_WITHIN_MS = 10_000;
  const BACKOFF_MS_MAX = 30_000;
  // A screen reader hears of the line at most this often, unless its state changed.
  const SAY_EVERY_MS = 30_000;

  let timer = 0;
  let dueAt = 0;
  let failures = 0;
  let isAsking = false;
  let isOver = false;
  let countdownEndsAt = 0;
  let saidAt = Date.now();
  let saidState = line.dataset.state;

  const headline = () => line.querySelector('h1').innerText.trim();

  function schedule(delay) {
    clearTimeout(timer);
    dueAt = Date.now() + delay;
    timer = setTimeout(ask, delay);
  }

  async function ask() {
    clearTimeout(timer);
    if (isAsking || isOver) return;
    isAsking = true;
    const abort = new AbortController();
    const limit = setTimeout(() => abort.abort(), ANSWER_WITHIN_MS);
    let delay;
    try {
      const response = await fetch(line.dataset.poll, { cache: 'no-store', signal: abort.signal });
      if (response.status === 404) return location.reload();
      const answer = await response.json();
      // Not from the waiting room, but from something on the way to it.
      if (typeof answer.message !== 'string') throw new TypeError('this is no answer of the waiting room');
      failures = response.ok ? 0 : failures + 1;
      show(answer);
      delay = answer.askAgainAfterMs;
    } catch {
      failures += 1;
      trouble.hidden = false;
      announce('trouble', trouble.textContent);
      delay = 0;
    } finally {
      clearTimeout(limit);
      isAsking = false;
    }
    const backoff = failures && Math.min(1000 * 2 ** failures, BACKOFF_MS_MAX) * (0.5 + Math.random() / 2);
    if (!isOver) schedule(Math.max(delay, backoff, 500));
  }

  function show(answer) {
    // Another page belongs to this now: the room has opened, or started, or its times were changed.
    if (answer.page && answer.page !== line.dataset.page && answer.state !== 'admitted') return leave();
    const people = answer.peopleAhead;
    const shown = people?.toLocaleString('en');
    trouble.hidden = true;
    line.dataset.state = answer.state;
    ahead.dataset.count = people === null ? 'unknown' : people === 0 ? 'none' : people === 1 ? 'one' : 'many';
    number.textContent = shown ?? '';
    message.textContent = answer.message;
    progress.value = Math.floor(answer.progress * 100);
    updated.textContent = new Date().toLocaleTimeString();
    countDown(answer.countdownMs);
    const isCounting = answer.state === 'waiting' && people;
    document.title = `${isCounting ? line.dataset.title.replace('{}', shown) : headline()} · ${line.dataset.room}`;
    announce(answer.state, `${headline()}. ${isCounting ? `${ahead.innerText}. ` : ''}${answer.message}`);
    isOver = answer.state === 'spent' || answer.state === 'unknown';
    if (answer.state === 'admitted') {
      isOver = true;
      go.href = answer.redirectUrl;
      location.replace(answer.redirectUrl);
    }
  }

  function leave() {
    isOver = true;
    location.replace(line.dataset.again);
  }

  // By the room's clock: the visitor's own may be wrong by minutes.
  function countDown(milliseconds) {
    count.hidden = milliseconds == null;
    countdownEndsAt = Date.now() + milliseconds;
    tick();
  }

  function tick() {
    if (count.hidden) return;
    const seconds = Math.max(0, Math.ceil((countdownEndsAt - Date.now()) / 1000));
    const days = Math.floor(seconds / 86_400);
    const two = (value) => String(value).padStart(2, '0');
    const time = `${two(Math.floor(seconds / 3600) % 24)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
    countdown.textContent = days ? `${days} d ${time}` : time;
  }

  function announce(state, text) {
    if (state === saidState && Date.now() - saidAt < SAY_EVERY_MS) return;
    saidAt = Date.now();
    saidState = state;
    say.textContent = text;
  }

  // A sleeping laptop or a hidden tab is asked to wait longer than it was told: it catches up at once.
  function catchUp() {
    if (!document.hidden && Date.now() >= dueAt) ask();
  }

  document.addEventListener('visibilitychange', catchUp);
  addEventListener('online', () => ask());
  addEventListener('pageshow', (event) => {
    if (!event.persisted) return;
    isOver = false;
    ask();
  });

  const moment = { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit', timeZoneName: 'short' };
  for (const time of document.querySelectorAll('time[datetime]')) time.textContent = new Date(time.dateTime).toLocaleString('en-GB', moment);
  if (line.dataset.countdownMs) {
    countDown(Number(line.dataset.countdownMs));
    setInterval(tick, 1000);
  }
  updated.textContent = new Date().toLocaleTimeString();
  if (line.dataset.state === 'unknown') isOver = true;
  else schedule(Number(line.dataset.askAgainMs));
})();
