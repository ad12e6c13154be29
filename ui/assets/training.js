// Retrain stands below the verdict: whoever presses it is led up to where the work is told, once it is.
let pressed = -Infinity;
watch('value', keepOpen(element, '.terms'));
document.addEventListener('click', event => { if (event.target.closest('#retrain')) pressed = performance.now(); });
watch('value', () => {
  const job = performance.now() - pressed < 10000 && element.querySelector('.job:has(progress)');
  if (!job) return;
  pressed = -Infinity;
  job.scrollIntoView({ block: 'center' });
});
element.addEventListener('click', async event => {
  const target = event.target.closest('button');
  if (!target) return;
  if (await pressedOfJob(target, server, trigger)) return;
  if (target.matches('[data-to-retrain]')) {
    const retrain = document.querySelector('#retrain');
    retrain.scrollIntoView({ block: 'center' });
    retrain.focus({ preventScroll: true });
  } else if (target.matches('[data-compare]')) {
    target.disabled = true;
    const answer = await ask(server.compare_version([target.dataset.compare]));
    target.disabled = false;
    if (answer) say('The comparison has begun: see the top of this tab.');
    trigger('changed');
  } else if (target.matches('[data-promote], [data-undo]')) {
    if ('against' in target.dataset && !('sure' in target.dataset)) {
      target.dataset.sure = '';
      target.textContent = 'Not recommended: promote all the same';
      return;
    }
    target.disabled = true;
    const answer = await ask(server.switch_model(target.dataset.promote ? [target.dataset.promote] : []));
    if (answer) say(answer.said); else target.disabled = false;
    trigger('changed');
  }
});
