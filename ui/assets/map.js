const box = element.querySelector('.map'), views = [...box.querySelectorAll('.mapview')].map(figure => ({
  figure, canvas: figure.querySelector('canvas'), map: null, papers: new Map(),
}));
const field = box.querySelector('.mapviews'), tip = box.querySelector('.maptip'), card = box.querySelector('.mapcard');
const pick = name => box.querySelector(`[data-${name}]`);
const GROUPS = {
  light: ['#0f6b5f', '#b3541e', '#5b4bb5', '#7d6300', '#a3275a', '#2a6a9b', '#47731b', '#7a4a2b', '#3f5f6b', '#a3271f'],
  dark: ['#6cc4b5', '#f0a070', '#b3a7f5', '#e0c050', '#f090b8', '#8cc4ee', '#a8d67a', '#d0a88a', '#a9c0c8', '#f2a49d'],
};
// No mix of the two is grey: that is a paper without a year.
const YEARS = { light: [[222, 160, 40], [96, 22, 110]], dark: [[250, 200, 100], [190, 120, 250]] };
let loaded = null;        // the mark of what is shown
let loading = 0;          // the newest fetch; answers to older ones are dropped
let at = { zoom: 1, x: 0, y: 0 };
let frame = { x: 0, y: 0, width: 4, height: 4 };   // what of the map there is, and so is seen at first
let pointed = null, chosen = null, onlyGroup = null, found = null;
let asked = { query: '', hits: [], places: [] };
const mark = () => document.querySelector('#map-state .mapstate')?.dataset.mark;
const dark = () => document.body.classList.contains('dark') || !!document.querySelector('.dark');
const css = name => getComputedStyle(box).getPropertyValue(name).trim();
const visible = () => box.offsetParent !== null && box.clientWidth > 0;

// --- what is shown ---

async function load() {
  const mine = ++loading, now = mark(), beside = pick('beside').value || null;
  const answer = await ask(server.load_map([null, beside]));
  if (answer === null || mine !== loading) return;
  loaded = now;
  const map = answer.map;
  const empty = pick('empty');
  empty.hidden = !!map;
  empty.textContent = map || map === undefined ? '' : answer.versions ? 'There is no map yet.' : '';
  box.classList.toggle('none', !map);
  field.hidden = !map;
  const list = box.querySelector('.maplist');
  if (!map) { list.hidden = true; return; }
  offer(pick('beside'), answer.versions, beside);
  box.querySelector('.beside').hidden = !answer.versions.length;
  take(views[0], map);
  take(views[1], answer.beside);
  views[1].figure.hidden = !answer.beside;
  box.classList.toggle('two', !!answer.beside);
  views.forEach(view => view.figure.querySelector('figcaption').textContent =
    answer.beside && view.map ? view.map.model.name : '');
  if (beside && !answer.beside) say('The other map is being drawn.');
  box.querySelector('.mapchanged').innerHTML = answer.changed;
  list.querySelector('div').innerHTML = answer.list;
  measure();
  offerCollections(map);
  legend();
  await placeQuestion();
  draw();
  // Last, as all above it has its height now: a click on it lands where it was aimed.
  list.hidden = false;
}
function measure() {
  const points = views.flatMap(view => (view.map ? [...view.map.papers, ...view.map.passages] : []));
  const ends = axis => points.reduce(([low, high], one) => [Math.min(low, one[axis]), Math.max(high, one[axis])], [Infinity, -Infinity]);
  const [left, right] = ends('x'), [low, high] = ends('y');
  if (points.length) frame = { x: (left + right) / 2, y: (low + high) / 2, width: Math.max(0.5, right - left), height: Math.max(0.5, high - low) };
}
function take(view, map) {
  view.map = map;
  view.papers = new Map(map ? map.papers.map(paper => [paper.id, paper]) : []);
}
function offer(select, versions, value) {
  select.replaceChildren(new Option('nothing', ''), ...versions.map(one => new Option(one.name, one.id)));
  select.value = value ?? '';
}
function offerCollections(map) {
  const select = pick('colour'), has = map.papers.some(paper => paper.collections.length);
  const option = select.querySelector('[value=collection]');
  if (has && !option) select.append(new Option('collection', 'collection'));
  else if (!has && option) { option.remove(); if (!select.value) select.value = 'group'; }
}
async function placeQuestion() {   // the question asked on the Search tab, and its hits
  const desk = document.querySelector('#desk .desk'), query = desk?.dataset.query || '';
  const hits = desk ? [...desk.querySelectorAll('.hits .hit')] : [];
  asked = { query, hits: [], places: [] };
  if (query && hits.length) {
    const ids = hits.map(hit => Number(hit.dataset.chunk));
    const many = await Promise.all(views.map(view => view.map ? ask(server.place_hits([view.map.model.id, ids])) : null));
    asked.places = many.map(answer => answer ? answer.places : []);
  }
  const told = pick('asked');
  told.hidden = !query || !asked.places[0]?.length;
  told.textContent = told.hidden ? '' :
    `◆ “${query}” stands in the middle of its ${asked.places[0].length} hits, which are numbered.`;
}

// --- colours ---

const palette = () => GROUPS[dark() ? 'dark' : 'light'];
function categories() {   // what the colours stand for, as [name, how many, colour, test]
  const map = views[0].map, colours = palette(), by = pick('colour').value;
  if (by === 'year') return [];
  if (by === 'judged') return [
    ['judged', map.papers.filter(paper => paper.judged).length, colours[0], paper => paper.judged > 0],
    ['not judged', map.papers.filter(paper => !paper.judged).length, css('--soft'), paper => !paper.judged]];
  if (by === 'collection') {
    const names = [...new Set(map.papers.flatMap(paper => paper.collections))].sort();
    return [...names.map((name, number) => [name, map.papers.filter(paper => paper.collections[0] === name).length,
      colours[number % colours.length], paper => paper.collections[0] === name]),
      ['in none', map.papers.filter(paper => !paper.collections.length).length, css('--soft'), paper => !paper.collections.length]];
  }
  return map.groups.map(one => [one.name, one.papers, colours[one.group % colours.length], paper => paper.group === one.group]);
}
function years() {
  const known = views[0].map.papers.map(paper => paper.year).filter(Boolean);
  return known.length ? [Math.min(...known), Math.max(...known)] : null;
}
function yearColour(year) {
  const range = years();
  if (!year || !range) return css('--soft');
  const [from, to] = YEARS[dark() ? 'dark' : 'light'], share = range[1] > range[0] ? (year - range[0]) / (range[1] - range[0]) : 1;
  return `rgb(${from.map((one, place) => Math.round(one + share * (to[place] - one))).join(' ')})`;
}
function colouring() {   // a function from a paper of the first map to its colour
  if (pick('colour').value === 'year') return paper => yearColour(paper.year);
  const kinds = categories();
  return paper => kinds.find(kind => kind[3](paper))?.[2] ?? css('--soft');
}
function legend() {
  const list = box.querySelector('.maplegend'), items = [];
  const item = (name, many, colour, number) => {
    const button = document.createElement('button'), swatch = document.createElement('i');
    button.type = 'button';
    swatch.style.background = colour;
    button.append(swatch, ` ${name} `, Object.assign(document.createElement('small'), { textContent: many ?? '' }));
    if (number === null) button.disabled = true;
    else { button.dataset.only = number; button.setAttribute('aria-pressed', String(onlyGroup === number)); }
    const line = document.createElement('li');
    line.append(button);
    items.push(line);
  };
  if (pick('colour').value === 'year') {
    const range = years();
    if (range) [...new Set([range[0], Math.round((range[0] + range[1]) / 2), range[1]])].forEach(year => item(year, '', yearColour(year), null));
    const without = views[0].map.papers.filter(paper => !paper.year).length;
    if (without) item('without a year', without, css('--soft'), null);
  } else categories().forEach(([name, many, colour], number) => item(name, many, colour, number));
  list.replaceChildren(...items);
}

// --- drawing ---

function place(view, point) {
  const base = Math.min((view.width - 60) / frame.width, (view.height - 70) / frame.height) * at.zoom;
  return [view.width * (0.5 + at.x) + (point.x - frame.x) * base, view.height / 2 + at.y * view.width - (point.y - frame.y) * base];
}
function isShown(paper) {
  if (found && !found.has(paper.id)) return false;
  return onlyGroup === null || !!categories()[onlyGroup]?.[3](paper);
}
function draw() {
  if (!visible() || !views[0].map) return;
  const colour = colouring();
  views.forEach((view, number) => { if (view.map) drawView(view, number, colour); });
}
function drawView(view, number, colour) {
  const { canvas } = view, ratio = devicePixelRatio || 1;
  view.width = canvas.clientWidth;
  view.height = canvas.clientHeight;
  if (!view.width) return;
  if (canvas.width !== Math.round(view.width * ratio) || canvas.height !== Math.round(view.height * ratio)) {
    canvas.width = Math.round(view.width * ratio);
    canvas.height = Math.round(view.height * ratio);
  }
  const pen = canvas.getContext('2d');
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, view.width, view.height);
  const first = views[0].papers, shades = new Map();
  // A paper has the colour it has on the first map, so that it can be followed.
  for (const paper of view.map.papers) {
    const same = first.get(paper.id) || paper;
    shades.set(paper.id, { colour: colour(same), shown: isShown(same) });
  }
  if (pick('passages').checked) {
    const few = view.map.passages.length < 300;   // a crowd is shown by its density, a few by each of them
    const size = Math.min(3.6, (few ? 2.4 : 1.6) * Math.sqrt(at.zoom));
    for (const passage of view.map.passages) {
      const shade = shades.get(passage.paper);
      if (!shade) continue;
      const [x, y] = place(view, passage);
      const own = chosen?.paper === passage.paper;
      pen.globalAlpha = shade.shown ? (own ? 0.95 : few ? 0.65 : 0.38) : 0.06;
      pen.fillStyle = shade.colour;
      pen.beginPath();
      pen.arc(x, y, own ? size + 0.8 : size, 0, 7);
      pen.fill();
    }
  }
  const many = view.map.papers.length, round = Math.max(3.5, Math.min(7.5, 60 / Math.sqrt(many))) * Math.min(1.6, Math.sqrt(at.zoom));
  for (const paper of view.map.papers) {
    const shade = shades.get(paper.id), [x, y] = place(view, paper);
    pen.globalAlpha = shade.shown ? 1 : 0.14;
    pen.beginPath();
    pen.arc(x, y, round, 0, 7);
    pen.fillStyle = shade.colour;
    pen.fill();
    pen.lineWidth = 1.5;
    pen.strokeStyle = css('--sheet');
    pen.stroke();
  }
  pen.globalAlpha = 1;
  const ring = (point, colour, more) => {
    const [x, y] = place(view, point);
    pen.beginPath();
    pen.arc(x, y, more, 0, 7);
    pen.lineWidth = 2.5;
    pen.strokeStyle = colour;
    pen.stroke();
  };
  if (chosen && view.papers.has(chosen.paper)) ring(view.papers.get(chosen.paper), css('--ink'), round + 4);
  if (pointed && view.papers.has(pointed.paper)) ring(view.papers.get(pointed.paper), css('--accent'), round + 4);
  drawNames(view, pen, round);
  drawQuestion(view, pen, number);
}
function write(pen, text, x, y, bold) {
  pen.font = `${bold ? 700 : 400} 12.5px "IBM Plex Sans", system-ui, sans-serif`;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.lineWidth = 4;
  pen.lineJoin = 'round';
  pen.strokeStyle = css('--sheet');
  pen.strokeText(text, x, y);
  pen.fillStyle = css('--ink');
  pen.fillText(text, x, y);
}
function drawNames(view, pen, round) {
  // Names keep off the papers where they can.
  const dots = view.map.papers.map(paper => place(view, paper)).map(([x, y]) => [x - round, y - round, x + round, y + round]);
  const taken = [];
  const free = (x, y, width, beside = []) => {
    const mine = [x - width / 2, y - 9, x + width / 2, y + 9];
    if (mine[0] < 2 || mine[2] > view.width - 2 || mine[1] < 2 || mine[3] > view.height - 2) return false;
    if ([...taken, ...beside].some(one => one[0] < mine[2] && mine[0] < one[2] && one[1] < mine[3] && mine[1] < one[3])) return false;
    taken.push(mine);
    return true;
  };
  if (pick('colour').value === 'group' && at.zoom < 4 && views[0].map.groups.length > 1) {
    for (const group of views[0].map.groups) {
      const members = view.map.papers.filter(paper => (views[0].papers.get(paper.id) || paper).group === group.group);
      if (!members.length || (onlyGroup !== null && onlyGroup !== group.group)) continue;
      const middle = values => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
      const [x, top] = place(view, { x: middle(members.map(one => one.x)), y: middle(members.map(one => one.y)) });
      pen.font = '700 12.5px "IBM Plex Sans", system-ui, sans-serif';
      const width = Math.min(pen.measureText(group.name).width, view.width - 12);
      const within = Math.min(Math.max(x, width / 2 + 6), view.width - width / 2 - 6);
      const tries = [12, -12, 32, -32, 54, -54].map(off => top + off + Math.sign(off) * round);
      const y = tries.find(y => free(within, y, width, dots)) ?? tries.find(y => free(within, y, width));
      if (y !== undefined) write(pen, group.name, within, y, true);
    }
  }
  if (at.zoom >= 1.8 || view.map.papers.length <= 12 || found) {
    for (const paper of view.map.papers) {
      if (!isShown(views[0].papers.get(paper.id) || paper)) continue;
      const [x, y] = place(view, paper), name = paper.title.length > 38 ? `${paper.title.slice(0, 36)}…` : paper.title;
      pen.font = '400 12.5px "IBM Plex Sans", system-ui, sans-serif';
      const width = Math.min(pen.measureText(name).width, view.width - 12);
      const within = Math.min(Math.max(x, width / 2 + 6), view.width - width / 2 - 6);
      if (free(within, y + round + 11, width)) write(pen, name, within, y + round + 11, false);
    }
  }
}
function drawQuestion(view, pen, number) {
  const places = asked.places[number] || [];
  if (!places.length) return;
  const weights = places.map((_, rank) => 1 / (rank + 1)), total = weights.reduce((a, b) => a + b);
  const middle = {
    x: places.reduce((sum, one, rank) => sum + weights[rank] * one.x, 0) / total,
    y: places.reduce((sum, one, rank) => sum + weights[rank] * one.y, 0) / total,
  };
  const [qx, qy] = place(view, middle);
  pen.strokeStyle = css('--soft');
  pen.globalAlpha = 0.5;
  pen.lineWidth = 1;
  for (const one of places) {
    const [x, y] = place(view, one);
    pen.beginPath();
    pen.moveTo(qx, qy);
    pen.lineTo(x, y);
    pen.stroke();
  }
  pen.globalAlpha = 1;
  [...places].reverse().forEach((one, back) => {
    const [x, y] = place(view, one), rank = places.length - back;
    pen.beginPath();
    pen.arc(x, y, 8, 0, 7);
    pen.fillStyle = css('--marker');
    pen.fill();
    pen.lineWidth = 1.2;
    pen.strokeStyle = css('--marker-ink');
    pen.stroke();
    pen.font = '700 10.5px "IBM Plex Sans", system-ui, sans-serif';
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    pen.fillStyle = css('--marker-ink');
    pen.fillText(rank, x, y + 0.5);
  });
  pen.save();
  pen.translate(qx, qy);
  pen.rotate(Math.PI / 4);
  pen.fillStyle = css('--ink');
  pen.strokeStyle = css('--sheet');
  pen.lineWidth = 2;
  pen.fillRect(-6, -6, 12, 12);
  pen.strokeRect(-6, -6, 12, 12);
  pen.restore();
}

// --- pointing and choosing ---

function under(view, event) {   // the paper or passage nearest to the pointer, if it is near
  if (!view.map || !view.width) return null;
  const rect = view.canvas.getBoundingClientRect(), px = event.clientX - rect.left, py = event.clientY - rect.top;
  const coarse = event.pointerType === 'touch' ? 10 : 0;
  const nearest = (points, most) => {
    let best = null, least = most ** 2;
    for (const point of points) {
      const [x, y] = place(view, point), far = (x - px) ** 2 + (y - py) ** 2;
      if (far < least) { least = far; best = point; }
    }
    return best;
  };
  const paper = nearest(view.map.papers, 12 + coarse);
  if (paper) return { kind: 'paper', id: paper.id, paper: paper.id, title: paper.title, year: paper.year };
  const passage = pick('passages').checked ? nearest(view.map.passages, 6 + coarse) : null;
  if (!passage) return null;
  const of = view.papers.get(passage.paper);
  return of ? { kind: 'passage', id: passage.id, paper: passage.paper, title: of.title, year: of.year } : null;
}
function point(view, event) {
  const before = pointed;
  pointed = under(view, event);
  view.canvas.style.cursor = pointed ? 'pointer' : 'grab';
  tip.hidden = !pointed;
  if (pointed) {
    tip.textContent = (pointed.kind === 'passage' ? 'A passage of ' : '') + pointed.title + (pointed.year ? ` (${pointed.year})` : '');
    const rect = field.getBoundingClientRect();
    const x = event.clientX - rect.left;
    tip.style.left = `${Math.min(x + 14, Math.max(0, rect.width - tip.offsetWidth - 4))}px`;
    tip.style.top = `${event.clientY - rect.top + 16}px`;
  }
  if (before?.paper !== pointed?.paper) draw();
}
async function choose(kind, id, model) {
  const answer = await ask(server.show_point([model ?? views[0].map.model.id, kind, id]));
  if (answer === null) return;
  chosen = { kind, id, paper: answer.paper };
  card.innerHTML = answer.html;
  card.hidden = false;
  draw();
}
function closeCard() {
  chosen = null;
  card.hidden = true;
  card.replaceChildren();
  draw();
}
function zoom(by, view, cx, cy) {
  const before = at.zoom, next = Math.min(40, Math.max(0.7, before * by)), real = next / before;
  const x = cx === undefined ? 0 : (cx - view.width / 2) / view.width, y = cy === undefined ? 0 : (cy - view.height / 2) / view.width;
  at = { zoom: next, x: x + (at.x - x) * real, y: y + (at.y - y) * real };
  draw();
}
for (const view of views) {
  const { canvas } = view, fingers = new Map();
  let moved = 0, apart = 0;
  canvas.addEventListener('pointerdown', event => {
    fingers.set(event.pointerId, event);
    canvas.setPointerCapture(event.pointerId);
    moved = 0;
    apart = 0;
  });
  canvas.addEventListener('pointermove', event => {
    const before = fingers.get(event.pointerId);
    if (!before) return point(view, event);
    fingers.set(event.pointerId, event);
    if (fingers.size === 2) {
      const [one, other] = [...fingers.values()], now = Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      const rect = canvas.getBoundingClientRect();
      if (apart) zoom(now / apart, view, (one.clientX + other.clientX) / 2 - rect.left, (one.clientY + other.clientY) / 2 - rect.top);
      apart = now;
      moved = 99;
      return;
    }
    const dx = event.clientX - before.clientX, dy = event.clientY - before.clientY;
    moved += Math.abs(dx) + Math.abs(dy);
    at = { ...at, x: at.x + dx / view.width, y: at.y + dy / view.width };
    if (moved > 4) tip.hidden = true;
    draw();
  });
  const lift = event => { fingers.delete(event.pointerId); apart = 0; };
  canvas.addEventListener('pointerup', event => {
    lift(event);
    const one = moved <= 4 && under(view, event);
    tip.hidden = true;   // the card tells it, and the map moves to make room for that
    if (one) choose(one.kind, one.id, view.map.model.id);
  });
  canvas.addEventListener('pointercancel', lift);
  canvas.addEventListener('pointerleave', () => { pointed = null; tip.hidden = true; draw(); });
  canvas.addEventListener('wheel', event => {
    if (document.activeElement !== canvas && !event.ctrlKey) return;   // the page scrolls on
    event.preventDefault();
    const rect = canvas.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 400), view, event.clientX - rect.left, event.clientY - rect.top);
  }, { passive: false });
  canvas.addEventListener('keydown', event => {
    const step = { ArrowLeft: [0.08, 0], ArrowRight: [-0.08, 0], ArrowUp: [0, 0.08], ArrowDown: [0, -0.08] }[event.key];
    if (step) at = { ...at, x: at.x + step[0], y: at.y + step[1] };
    else if (event.key === '+' || event.key === '=') zoom(1.3, view);
    else if (event.key === '-') zoom(1 / 1.3, view);
    else if (event.key === '0') at = { zoom: 1, x: 0, y: 0 };
    else if (event.key === 'Escape') closeCard();
    else return;
    event.preventDefault();
    draw();
  });
}
element.addEventListener('click', async event => {
  const button = event.target.closest('button');
  if (!button) return;
  if (button.dataset.zoom) zoom(button.dataset.zoom === '1' ? 1.4 : 1 / 1.4, views[0]);
  else if (button.matches('[data-fit]')) { at = { zoom: 1, x: 0, y: 0 }; draw(); }
  else if (button.matches('[data-redraw]')) await ask(server.redraw_map([null]));
  else if (button.matches('[data-close]')) { closeCard(); views[0].canvas.focus(); }
  else if (button.dataset.paper) {
    await choose('paper', Number(button.dataset.paper));
    if (!card.contains(button)) card.scrollIntoView({ block: 'nearest' });
  } else if (button.dataset.only !== undefined) {
    const number = Number(button.dataset.only);
    onlyGroup = onlyGroup === number ? null : number;
    legend();
    box.querySelector(`[data-only="${number}"]`)?.focus();
    draw();
  }
});
element.addEventListener('change', event => {
  if (event.target.matches('[data-colour]')) { onlyGroup = null; legend(); draw(); }
  else if (event.target.matches('[data-beside]')) load();
  else if (event.target.matches('[data-passages]')) draw();
});
pick('find').addEventListener('input', () => {
  const words = pick('find').value.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = views[0].map ? views[0].map.papers.filter(paper => words.every(word => paper.title.toLowerCase().includes(word))) : [];
  found = words.length ? new Set(matches.map(paper => paper.id)) : null;
  draw();
});
pick('find').addEventListener('keydown', event => {
  if (event.key === 'Enter' && found?.size) choose('paper', [...found][0]);
});

// --- when to look again ---

let shown = false;
async function look() {
  if (!visible()) { shown = false; return; }
  if (loaded !== mark() || !views[0].map) await load();
  else if (!shown) { await placeQuestion(); draw(); }
  else draw();
  shown = true;
}
new ResizeObserver(look).observe(box);
addEventListener('map-state', () => { if (visible() && loaded !== mark()) load(); });
new MutationObserver(() => { if (visible() && views[0].map) { legend(); draw(); } })
  .observe(document.body, { attributes: true, attributeFilter: ['class'] });
