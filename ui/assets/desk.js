const desk = () => element.querySelector('.desk');
const hits = () => [...element.querySelectorAll('.hits .hit')];
let current = null;      // the chosen hit's chunk id, as text
let shown = null;        // that of the passage whose page was opened last, which may be no hit
const seen = () => shown ?? current;   // what the keys judge
let restoring = null;    // the address that is asked for anew, until its passages are there

function leaveQuestion(field) {   // so that the keys that judge are not typed into the question
  field.blur();
  // Once the passages are painted: to give one the focus, all of them would be laid out for it alone before that.
  requestAnimationFrame(() => setTimeout(() => {
    if (document.activeElement === document.body) hitOf(current)?.focus({ preventScroll: true });
  }));
}
function dropPapers(ids) {
  for (const hit of hits()) if (ids.includes(Number(hit.dataset.document))) (hit.closest('.found') || hit).remove();
  countTicks();
  const left = hits();
  const summary = element.querySelector('.summary');
  if (!summary) return;
  summary.firstChild.textContent = `${left.length === 1 ? '1 passage' : `${left.length} passages`} left after a removal `;
  if (left.some(hit => hit.dataset.chunk === current)) return;
  opening++;
  pane().replaceChildren();
  pane().removeAttribute('aria-busy');
  current = shown = null;
  choose(left[0]);
}
addEventListener('papers-removed', event => dropPapers(event.detail));
function askAgain(address, restored = false) {
  restoring = restored ? address : null;
  window.wantedAddress = address;
  trigger('restore');
}
addEventListener('ask-again', event => askAgain(event.detail));
addEventListener('went-back', () => {
  if (!isSameSearch(location.search, desk().dataset.address)) askAgain(location.search, true);
  else if (passageOfAddress() && passageOfAddress() !== pane()?.dataset.chunk) chooseByAddress();
});
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
async function chooseByAddress() {   // the passage that the address names, which may stand beside a page only, or be gone
  const wanted = passageOfAddress(), hit = hitOf(wanted);
  choose(hit ?? hits()[0], !wanted || !!hit);
  hit?.scrollIntoView({ block: 'nearest' });
  if (wanted && !hit && !await openPage(wanted)) choose(hits()[0]);
}
element.addEventListener('click', event => {
  if (event.target.closest('.tick')) return;
  const verdict = event.target.closest('.verdict button');
  if (verdict) return judge([verdict.closest('.verdict').dataset.chunk], Number(verdict.dataset.relevance));
  const part = event.target.closest('[data-edit-part]');
  if (part) return judgePart(part.dataset.editPart);
  const many = event.target.closest('[data-many]');
  if (many) return judgeTicked(Number(many.dataset.many));
  if (event.target.closest('[data-untick]')) return untick();
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
element.addEventListener('change', event => { if (event.target.matches('.tick')) countTicks(); });
function step(by) {
  const all = hits(), at = all.findIndex(hit => hit.dataset.chunk === current);
  const next = all[Math.min(all.length - 1, Math.max(0, at + by))];
  choose(next);
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: 'nearest' });
}
function judgeChosen(relevance) {
  if (ticked().length) judgeTicked(relevance); else if (seen()) judge([seen()], relevance);
}
function tick() {
  const box = hitOf(current)?.querySelector('.tick');
  if (box) box.checked = !box.checked;
  countTicks();
}
const keys = { a: () => judgeChosen(1), r: () => judgeChosen(0), x: tick, u: takeBack, e: () => { if (seen()) judgePart(seen()); } };
document.addEventListener('keydown', event => {
  if (event.key === 'Escape' && event.target.closest('#question')) return leaveQuestion(event.target);
  if (isTyped(event) || !element.offsetParent) return;
  if (event.key === '/') {
    document.querySelector('#question textarea, #question input')?.focus();   // not there in the page's first moment
    return event.preventDefault();
  }
  if (!hits().length || pressedKey(event, keys, step)) return;
  if (event.key === 'Enter' && event.target.classList.contains('hit')) {
    choose(event.target);
    showSheet(true);
  } else if (event.key === 'Enter' && event.target.matches('[data-passage]')) event.target.click();
  else if (event.key === 'Escape') { showSheet(false); untick(); }
});
let first = true;   // an address that was typed or passed on may be written in another way than the server's
watch('value', () => {
  const { address } = desk().dataset;
  current = shown = null;
  showSheet(false);
  if (restoring !== null && !first && !isSameSearch(restoring, address)) return;   // an older one; another is to come
  keepSearch(address, restoring !== null);
  restoring = null;
  first = false;
  if (!hits().length) return;
  server.remember([address]);
  chooseByAddress();
  // Not where more was typed while the search went on.
  const field = document.activeElement;
  if (field && field.closest('#question') && field.value === desk().dataset.query) leaveQuestion(field);
});
if (firstAddress.get('q') || firstAddress.get('like')) setTimeout(() => askAgain(location.search, true));
