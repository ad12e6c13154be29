// The page that a passage stands on, beside the passages or over them.
const pane = () => element.querySelector('.pageview');
const narrow = () => matchMedia('(max-width: 900px)').matches;
const reopenOthers = keepOpen(element, '.others');   // also where the results are shown anew
let opening = 0;         // the newest page asked for; answers to older ones are dropped
let zoom = narrow() ? 160 : 100;   // so that a phone shows text, not a miniature

function besides(chunk) {   // the other passages of its card, which are marked too
  const card = hitOf(String(chunk))?.closest('.found');
  const all = card ? [...card.querySelectorAll('.hit')].map(hit => hit.dataset.chunk) : [];
  return all.filter(one => one !== String(chunk));
}
// What had the focus in the pane, to have it again on another page: the same button, or the page where that is gone.
function placeOfFocus() {
  const held = pane()?.contains(document.activeElement) ? document.activeElement : null;
  const again = held?.dataset.passage ? `[data-passage="${held.dataset.passage}"]` : held?.dataset.go ? `[aria-label="${held.getAttribute('aria-label')}"]` : null;
  return () => {
    const there = again && pane().querySelector(again);
    if (held) (there && !there.disabled ? there : pane().querySelector('.paper-desk'))?.focus({ preventScroll: true });
  };
}
async function openPage(chunk, page) {   // false where there is no such passage
  const mine = ++opening;
  shown = String(chunk);
  // At once: when the answer comes, the address may be that of another question already.
  if (restoring === null) keepPassage(chunk);
  // Until the answer is there the pane shows another passage, which must not be judged in place of this one.
  if (pane().dataset.chunk !== String(chunk)) pane().setAttribute('aria-busy', 'true');
  const answer = await ask(server.open_page([desk().dataset.query, chunk, page ?? null, besides(chunk), desk().matches('[data-blind]')]));
  if (mine !== opening || !pane()) return true;
  pane().removeAttribute('aria-busy');
  if (answer === null) return false;
  const focusAgain = placeOfFocus();
  pane().innerHTML = answer.html;
  reopenOthers();
  focusAgain();
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
  // On a narrow screen it is the pane that scrolls.
  if (narrow()) pane().scrollTop = mark ? pane().scrollTop + mark.getBoundingClientRect().top - pane().getBoundingClientRect().top - 140 : 0;
  sheet.scrollLeft = mark ? Math.max(0, mark.offsetLeft - 20) : 0;
  return true;
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
