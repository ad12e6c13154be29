// Shared by every component of the page; each gets its own copy, so nothing here keeps state between them.
function say(text, kind) {
  let box = document.getElementById('said');
  if (!box) {
    box = document.createElement('div');
    box.id = 'said';
    box.setAttribute('role', 'status');
    box.setAttribute('aria-live', 'polite');
    document.body.append(box);
  }
  const line = document.createElement('p');
  line.className = kind || '';
  line.textContent = text;
  line.title = 'Click to close';   // it may lie over what is needed next
  line.addEventListener('click', () => line.remove());
  box.append(line);
  // On a phone it lies over what comes next: whoever goes on has read it. What went wrong stays its time.
  if (!kind && matchMedia('(max-width: 640px)').matches)
    document.addEventListener('pointerdown', () => line.remove(), { once: true });
  setTimeout(() => line.remove(), kind === 'error' ? 9000 : 4000);
}
function sayAll(element) {
  const news = element.querySelector('[data-news]');
  for (const [text, kind] of news ? JSON.parse(news.dataset.news) : []) say(text, kind);
}
async function ask(call) {
  try {
    const answer = await call;
    if (answer && answer.error) { say(answer.error, 'error'); return null; }
    return answer || {};
  } catch (error) {
    say('The program does not answer. Is it still running?', 'error');
    return null;
  }
}
// A list that was opened stays open when it is made anew.
function keepOpen(element, selector) {
  let open = false;
  element.addEventListener('click', event => {
    const summary = event.target.closest(`${selector} > summary`);   // which may have parts of its own
    if (summary) open = !summary.parentElement.open;
  });
  return () => element.querySelector(selector)?.toggleAttribute('open', open);
}
// The buttons every job's line has; true where it was one of them.
async function pressedOfJob(button, server, trigger) {
  if (!button.matches('[data-cancel], [data-dismiss]')) return false;
  const { cancel, dismiss } = button.dataset;
  await ask(cancel ? server.cancel_job([cancel]) : server.dismiss_job([dismiss]));
  trigger('changed');
  return true;
}
function judgeName() {   // who judges in this browser, where they said so on the Judge tab
  try { return localStorage.getItem('judge') || null; } catch (error) { return null; }
}
