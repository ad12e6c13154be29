const desk = () => element.querySelector('.desk');
const hits = () => [...element.querySelectorAll('.hits .hit')];
const pane = () => element.querySelector('.pageview');
let current = null;      // the chosen hit's chunk id, as text
let opening = 0;         // the newest page asked for; answers to older ones are dropped
const narrow = () => matchMedia('(max-width: 900px)').matches;
let zoom = narrow() ? 160 : 100;   // so that a phone shows text, not a miniature
const reopenOthers = keepOpen(element, '.others');   // also where the results are shown anew
let writes = Promise.resolve();  // verdicts are written in the order they were given

function show(chunk, relevance) {
  for (const box of element.querySelectorAll(`.verdict[data-chunk="${chunk}"]`)) {
    for (const button of box.querySelectorAll('button'))
      button.setAttribute('aria-pressed', String(button.dataset.relevance === String(relevance)));
    box.querySelector('.note').textContent =
      relevance === 1 ? 'trains as an answer' : relevance === 0 ? 'trains as a wrong answer' : '';
  }
  for (const hit of hits()) if (hit.dataset.chunk === chunk) hit.dataset.verdict = relevance ?? '';
}
function standing(chunk) {
  const pressed = element.querySelector(`.verdict[data-chunk="${chunk}"] button[aria-pressed="true"]`);
  return pressed ? Number(pressed.dataset.relevance) : null;
}
function judge(chunk, relevance) {
  const { query, model } = desk().dataset;
  const hit = hits().find(one => one.dataset.chunk === chunk);
  const before = standing(chunk);
  const wanted = before === relevance ? null : relevance;   // pressed again: taken back
  show(chunk, wanted);
  writes = writes.then(async () => {
    const answer = await ask(server.judge_passage([query, chunk, wanted, hit ? hit.dataset.rank : null, model, judgeName()]));
    if (answer === null && desk().dataset.query === query) show(chunk, before);
    trigger('judged');
  });
}
function besides(chunk) {   // the other passages of its card, which are marked too
  const card = hits().find(hit => hit.dataset.chunk === String(chunk))?.closest('.found');
  const all = card ? [...card.querySelectorAll('.hit')].map(hit => hit.dataset.chunk) : [];
  return all.filter(one => one !== String(chunk));
}
async function openPage(chunk, page) {
  const mine = ++opening;
  // Until the answer is there the pane shows another passage, which must not be judged in place of this one.
  if (pane().dataset.chunk !== String(chunk)) pane().setAttribute('aria-busy', 'true');
  const answer = await ask(server.open_page([desk().dataset.query, chunk, page ?? null, besides(chunk)]));
  if (mine !== opening || !pane()) return;
  pane().removeAttribute('aria-busy');
  if (answer === null) return;
  pane().innerHTML = answer.html;
  reopenOthers();
  pane().dataset.chunk = chunk;
  setZoom(zoom);
  fitSheet();
  const picture = pane().querySelector('figure img');
  if (picture) {   // a page of text has none
    if (picture.complete) fetchNeighbours(); else picture.addEventListener('load', fetchNeighbours, { once: true });
    picture.addEventListener('error', () => tellWhy(picture), { once: true });
  }
  const mark = pane().querySelector('figure mark:not(.beside)') || pane().querySelector('figure mark'), sheet = pane().querySelector('.paper-desk');
  sheet.scrollTop = mark ? Math.max(0, mark.offsetTop - 80) : 0;
  sheet.scrollLeft = mark ? Math.max(0, mark.offsetLeft - 20) : 0;
}
async function tellWhy(picture) {   // the server's sentence in place of a page that can't be drawn
  const note = document.createElement('p');
  note.className = 'pagenote';
  note.setAttribute('role', 'alert');
  try {
    const answer = await fetch(picture.src);
    if (answer.ok) return;
    note.textContent = (await answer.json()).error.message;
  } catch (error) {
    note.textContent = 'The program does not answer. Is it still running?';
  }
  if (picture.isConnected) picture.closest('figure').replaceWith(note);
}
function showSheet(shown) {   // on a narrow screen the page lies over the passages
  if (!pane()) return;
  pane().classList.toggle('over', shown && narrow());
  document.body.classList.toggle('page-over', shown && narrow());
}
function leaveQuestion(field) {   // so that the keys that judge are not typed into the question
  field.blur();
  hits().find(hit => hit.dataset.chunk === current)?.focus({ preventScroll: true });
}
function dropPapers(ids) {
  for (const hit of hits()) if (ids.includes(Number(hit.dataset.document))) (hit.closest('.found') || hit).remove();
  const left = hits();
  const summary = element.querySelector('.summary');
  if (!summary) return;
  summary.firstChild.textContent = `${left.length === 1 ? '1 passage' : `${left.length} passages`} left after a removal `;
  if (left.some(hit => hit.dataset.chunk === current)) return;
  opening++;
  pane().replaceChildren();
  pane().removeAttribute('aria-busy');
  current = null;
  choose(left[0]);
}
addEventListener('papers-removed', event => dropPapers(event.detail));
function askAgain(address) {
  window.wantedAddress = address;
  trigger('restore');
}
addEventListener('ask-again', event => askAgain(event.detail));
async function saveSearch(form) {
  const answer = await ask(server.save([form.elements.name.value, desk().dataset.address]));
  if (answer === null) return;
  form.reset();
  form.closest('details').open = false;
  say(`Saved as “${answer.name}”.`);
  trigger('judged');
}
async function exportResults(form) {
  const answer = await ask(server.export([desk().dataset.address, form]));
  if (answer === null) return;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([answer.text], { type: 'text/plain' }));
  link.download = answer.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
element.addEventListener('submit', event => {
  event.preventDefault();
  saveSearch(event.target);
});
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say('Copied.');
  } catch (error) {   // the browser asks, and was refused
    say('The browser did not let it be copied. Allow this page the clipboard, then try again.', 'error');
  }
}
function fetchNeighbours() {   // so that the next page is there when it is asked for
  const picture = pane().querySelector('figure img');
  for (const go of pane().querySelectorAll('[data-go]:enabled'))
    new Image().src = picture.getAttribute('src').replace(/\/pages\/\d+/, `/pages/${go.dataset.go}`);
}
function fitSheet() {   // the page ends where the window does, so that the marked passage can be scrolled into it
  const sheet = pane() && pane().querySelector('.paper-desk');
  if (!sheet || narrow()) return;
  sheet.style.maxHeight = Math.max(360, innerHeight - Math.max(sheet.getBoundingClientRect().top, 50) - 14) + 'px';
}
addEventListener('scroll', fitSheet, { passive: true });
addEventListener('resize', fitSheet);
function setZoom(percent) {
  zoom = Math.min(300, Math.max(60, percent));
  const figure = pane() && pane().querySelector('figure');
  if (figure && figure.classList.contains('written')) figure.style.fontSize = zoom + '%';
  else if (figure) figure.style.width = zoom + '%';
}
function choose(hit, open = true) {
  if (!hit) return;
  for (const one of hits()) {
    const chosen = one === hit;
    one.classList.toggle('chosen', chosen);
    one.tabIndex = chosen ? 0 : -1;
    if (chosen) one.setAttribute('aria-current', 'true'); else one.removeAttribute('aria-current');
  }
  current = hit.dataset.chunk;
  if (open) openPage(current);
}
element.addEventListener('click', event => {
  const verdict = event.target.closest('.verdict button');
  if (verdict) return judge(verdict.closest('.verdict').dataset.chunk, Number(verdict.dataset.relevance));
  const go = event.target.closest('[data-go]');
  if (go) return openPage(pane().dataset.chunk, Number(go.dataset.go));
  const zoomed = event.target.closest('[data-zoom]');
  if (zoomed) return setZoom(zoom + 20 * Number(zoomed.dataset.zoom));
  if (event.target.closest('[data-fit]')) return setZoom(100);
  const copied = event.target.closest('[data-copy]');
  if (copied) return copy(copied.dataset.copy);
  if (event.target.closest('[data-back]')) return showSheet(false);
  const passage = event.target.closest('[data-passage]');
  if (passage && !String(getSelection())) return openPage(passage.dataset.passage, Number(passage.dataset.onPage));
  const asked = event.target.closest('[data-ask]');
  if (asked) return askAgain(asked.dataset.ask);
  const exported = event.target.closest('[data-export]');
  if (exported) return exportResults(exported.dataset.export);
  const hit = event.target.closest('.hit');
  if (hit && !String(getSelection())) {
    choose(hit);
    showSheet(true);
  }
});
document.addEventListener('keydown', event => {
  const typing = event.target.closest('input, textarea, select, [contenteditable="true"]');
  if (event.key === 'Escape' && event.target.closest('#question')) return leaveQuestion(event.target);
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !element.offsetParent) return;
  if (event.key === '/') {
    document.querySelector('#question textarea, #question input')?.focus();   // not there in the page's first moment
    return event.preventDefault();
  }
  const all = hits(), at = all.findIndex(hit => hit.dataset.chunk === current);
  if (!all.length) return;
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  if (step && (event.key.length === 1 || event.target.closest('.hit'))) {
    const next = all[Math.min(all.length - 1, Math.max(0, at + step))];
    choose(next);
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: 'nearest' });
    event.preventDefault();
  } else if (event.key === 'Enter' && event.target.classList.contains('hit')) {
    choose(event.target);
    showSheet(true);
  } else if (event.key === 'Enter' && event.target.matches('[data-passage]')) event.target.click();
  else if (event.key === 'Escape') showSheet(false);
  else if ((event.key === 'a' || event.key === 'r') && at >= 0) judge(all[at].dataset.chunk, event.key === 'a' ? 1 : 0);
});
watch('value', () => {
  current = null;
  showSheet(false);
  keepSearch(desk().dataset.address);
  if (!hits().length) return;
  server.remember([desk().dataset.address]);
  choose(hits()[0]);
  // Not where more was typed while the search went on.
  const field = document.activeElement;
  if (field && field.closest('#question') && field.value === desk().dataset.query) leaveQuestion(field);
});
if (firstAddress.get('q') || firstAddress.get('like')) setTimeout(() => trigger('restore'));
