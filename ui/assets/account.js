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
element.addEventListener('click', event => {
  const { withdraw, removeUser, name } = event.target.dataset;
  if (withdraw) done(server.withdraw_own_token([withdraw]));
  if (removeUser && confirm(`Remove the user “${name}”, with their searches and tokens?`))
    done(server.remove_person([removeUser, event.target.parentElement.querySelector('[data-papers]').value]));
});
watch('value', showToken);
