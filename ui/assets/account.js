const calls = {
  password: (server, form) => server.change_own_password([form.old.value, form.elements['new'].value]),
  token: (server, form) => server.make_own_token([form.elements['name'].value]),
  'set-password': (server, form) => server.set_new_password([form.dataset.user, form.elements['new'].value]),
  add: (server, form) => server.add_person([form.elements['name'].value, form.elements['role'].value, form.elements['password'].value]),
};
let told = '';   // a new token, until the tab is left: the part is made anew meanwhile
function showToken() {
  const line = element.querySelector('[data-token]');
  if (!line || !told) return;
  line.hidden = false;
  line.querySelector('input').value = told;
}
async function done(call) {
  const answer = await ask(call);
  if (answer === null) return;
  if (answer.said) say(answer.said);
  if (answer.token) told = answer.token;
  if (answer.signIn) return location.reload();
  trigger('changed');
}
element.addEventListener('submit', event => {
  event.preventDefault();
  const form = event.target;
  told = '';
  done(calls[form.dataset.form](server, form)).then(() => form.reset());
});
element.addEventListener('change', event => {
  if (event.target.matches('[data-role]')) done(server.change_role([event.target.dataset.role, event.target.value]));
});
element.addEventListener('click', async event => {
  const { withdraw, removeUser, name } = event.target.dataset;
  if (withdraw) done(server.withdraw_own_token([withdraw]));
  if (!removeUser) return;
  const papers = event.target.parentElement.querySelector('[data-papers]'), fate = papers.value;
  const told = fate ? ` What becomes of their private papers: ${papers.selectedOptions[0].text}.` : '';
  if (await askFirst(`Remove the user “${name}”?`, `Their searches, tokens and password go too; their verdicts on shared papers stay.${told}`, 'Remove'))
    done(server.remove_person([removeUser, fate]));
});
watch('value', showToken);
