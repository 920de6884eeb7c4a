"use strict";
// Pages work without this: it only brings what has changed since they were loaded.
const say = text => { document.getElementById("news").textContent = text; };
const word = (box, verdict) => { if (box) { box.className = `word ${verdict}`; box.textContent = verdict; } };
const body = document.body;

const onQueue = seen => {
  for (const row of document.querySelectorAll("tr[data-pull]")) {
    const found = seen.pulls?.[row.dataset.pull], box = row.querySelector(".word");
    if (found && box.textContent !== found[0]) { word(box, found[0]); say(`pull request ${row.dataset.pull}: ${found[0]}`); }
    if (seen.pulls && !found) row.hidden = true;
  }
};
const onPull = seen => {
  const log = document.getElementById("log");
  if (log && seen.log !== undefined) { log.textContent = seen.log; log.hidden = !seen.log; log.scrollTop = log.scrollHeight; }
  const sentence = document.getElementById("sentence");
  if (sentence && seen.sentence !== undefined) sentence.textContent = seen.sentence;
  if (!seen.verdict || document.querySelector(".ask")) return;
  if (seen.verdict !== body.dataset.verdict || (seen.head && seen.head !== body.dataset.head)) location.reload();
};
const onAccount = seen => {
  if (seen.state) word(document.querySelector("h1 .word"), seen.state);
  const equity = document.getElementById("equity-now");
  if (equity && typeof seen.account_equity === "number") equity.textContent = seen.account_equity.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const running = document.getElementById("running");
  if (running) running.textContent = seen.running ? "runs" : "does not run";
  document.dispatchEvent(new CustomEvent("account", { detail: seen }));
  const typing = document.activeElement && /INPUT|TEXTAREA/.test(document.activeElement.tagName);
  if (seen.newest_fill && seen.newest_fill !== body.dataset.newest && !typing) location.reload();
};
const by = url => url.startsWith("/events/queue") ? onQueue : url.startsWith("/events/pulls") ? onPull : onAccount;
if (body.dataset.events) {
  const source = new EventSource(body.dataset.events), take = by(body.dataset.events);
  source.onmessage = event => { const seen = JSON.parse(event.data); if (seen.problem) say(seen.problem); take(seen); body.dataset.heard = "yes"; };
  source.onerror = () => say("the desk does not answer; trying again");
  addEventListener("pagehide", () => source.close());
}
if (body.dataset.job) {
  const ask = async () => {
    const answer = await fetch(`/jobs/${encodeURIComponent(body.dataset.job)}`).catch(() => null);
    const state = answer && answer.ok ? (await answer.json()).state : "running";
    if (state === "made") location.reload();
    else if (state.startsWith("failed")) { document.getElementById("making").textContent = state; document.querySelector("progress")?.remove(); }
    else setTimeout(ask, 1000);
  };
  setTimeout(ask, 500);
}
