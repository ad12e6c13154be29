// Verdicts on the passages of the desk, those beside the page too: one, or all that are ticked.
let given = [];                  // what can be taken back: the passages judged last for this question, with what stood before
let writes = Promise.resolve();  // they are written in the order they were given

const hitOf = chunk => hits().find(hit => hit.dataset.chunk === chunk);
const ticked = () => hits().filter(hit => hit.querySelector('.tick').checked).map(hit => hit.dataset.chunk);
const textOf = chunk => (hitOf(chunk) ?? element.querySelector(`.others [data-passage="${chunk}"]`))?.querySelector('.passage');

function showVerdict(chunk, { relevance, part }) {
  const words = part ? 'a part trains' : 'trains';
  for (const box of element.querySelectorAll(`.verdict[data-chunk="${chunk}"]`)) {
    for (const button of box.querySelectorAll('button'))
      button.setAttribute('aria-pressed', String(button.dataset.relevance === String(relevance)));
    box.dataset.part = part ?? '';
    box.querySelector('.note').textContent = relevance === 1 ? `${words} as an answer` : relevance === 0 ? `${words} as a wrong answer` : '';
    box.querySelector('.note').title = part ?? '';
  }
  const hit = hitOf(chunk);
  if (hit) hit.dataset.verdict = relevance ?? '';
}
function standing(chunk) {
  const pressed = element.querySelector(`.verdict[data-chunk="${chunk}"] button[aria-pressed="true"]`);
  return { relevance: pressed ? Number(pressed.dataset.relevance) : null, part: pressed?.closest('.verdict').dataset.part || null };
}
function write(chunks, relevance, part) {   // the server's answer
  const { query, model } = desk().dataset;
  const rows = chunks.map(chunk => [query, chunk, hitOf(chunk)?.dataset.rank || null, model || null, part]);
  const written = writes.then(() => server.judge_many([rows, relevance, judgeName()]));
  writes = written.catch(() => null).then(() => trigger('judged'));   // whatever became of it, the next is written too
  return written;
}
async function judge(chunks, relevance) {
  const { query } = desk().dataset, part = chunks.length === 1 ? takeSelection(textOf(chunks[0])) : null;
  const before = chunks.map(standing);
  const again = !part && before.every(one => one.relevance === relevance);   // pressed again: taken back
  for (const chunk of chunks) showVerdict(chunk, { relevance: again ? null : relevance, part });
  given.push({ query, chunks, before });
  if (await ask(write(chunks, again ? null : relevance, part)) !== null) return tellPart(part);
  given = given.filter(one => one.before !== before);
  if (desk().dataset.query === query) chunks.forEach((chunk, at) => showVerdict(chunk, before[at]));
}
async function judgePart(chunk) {
  const passage = textOf(chunk);
  if (!passage) return;
  const text = passage.textContent.trim(), before = [standing(chunk)], { query } = desk().dataset;
  await editPart(text, before[0].part, async part => {
    const answer = await write([chunk], 1, part);
    if (!answer?.error) given.push({ query, chunks: [chunk], before });
    if (!answer?.error) showVerdict(chunk, { relevance: 1, part: part.split(/\s+/).join(' ').trim() === text.split(/\s+/).join(' ') ? null : part });
    return answer;
  });
}
function takeBack() {   // the last verdict on this question, or the last of several at once
  given = given.filter(one => one.query === desk().dataset.query);
  const last = given.pop();
  if (!last) return say('No verdict on this question was given in this window.');
  last.chunks.forEach(async (chunk, at) => {
    const now = standing(chunk), { relevance, part } = last.before[at];
    showVerdict(chunk, last.before[at]);
    if (await ask(write([chunk], relevance, part)) === null) showVerdict(chunk, now);
  });
}
function judgeTicked(relevance) {
  const chunks = ticked();
  untick();
  judge(chunks, relevance);
}
function countTicks() {
  const many = ticked().length, bar = element.querySelector('.chosenbar');
  if (!bar) return;
  bar.hidden = !many;
  bar.querySelector('.many').textContent = many === 1 ? '1 chosen' : `${many} chosen`;
}
function untick() {
  for (const hit of hits()) hit.querySelector('.tick').checked = false;
  countTicks();
}
