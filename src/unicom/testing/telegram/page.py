"""The page at ``/``: a chat with the bot for a person with a browser."""

from __future__ import annotations

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Fake Telegram</title>
<style>
  body { font: 16px/1.4 system-ui, sans-serif; max-width: 42rem; margin: 0 auto; padding: 1rem; }
  label { margin-right: 1rem; }
  #messages { list-style: none; padding: 0; min-height: 50vh; }
  #messages li { margin: .5rem 0; padding: .5rem .75rem; border-radius: .5rem; background: #eef; color: #112;
                 white-space: pre-wrap; overflow-wrap: anywhere; }
  #messages li.mine { background: #dfd; margin-left: 20%; }
  #messages button { margin: .25rem .25rem 0 0; }
  form { display: flex; gap: .5rem; }
  textarea { flex: 1; }
</style>
<h1>Fake Telegram</h1>
<p>Write to a bot as if you were its user. Nothing leaves this machine.</p>
<p><label>Bot <select id="bot"></select></label><label>You are <select id="user"></select></label></p>
<ul id="messages" aria-live="polite"></ul>
<p id="problem" role="alert"></p>
<form id="form"><label for="text" hidden>Message</label>
<textarea id="text" rows="2" placeholder="/start"></textarea><button>Send</button></form>
<script>
const $ = id => document.getElementById(id);
const get = path => fetch("/_control/" + path).then(r => r.json());
const post = async (path, body) => {
  const headers = {"Content-Type": "application/json"};
  const response = await fetch("/_control/" + path, {method: "POST", headers, body: JSON.stringify(body)});
  const answer = await response.json();
  $("problem").textContent = response.ok ? "" : answer.error;
  show();
};
const who = () => ({user: Number($("user").value), bot: Number($("bot").value)});
let shown = "";
async function show() {
  const {user, bot} = who();
  const answer = await get(`messages?user=${user}&bot=${bot}`);
  const state = JSON.stringify(answer);
  if (state === shown) return;
  shown = state;
  $("messages").replaceChildren(...answer.messages.map(message => {
    const line = document.createElement("li");
    const kinds = ["photo", "document", "audio", "voice", "video", "animation", "location", "contact", "poll"];
    const kind = kinds.find(name => name in message);
    line.className = message.from && message.from.id === user ? "mine" : "";
    line.textContent = (kind ? `[${kind}] ` : "") + (message.text || message.caption || "");
    for (const row of message.keyboard || []) {
      const group = document.createElement("div");
      for (const label of row) {
        const button = document.createElement("button");
        button.textContent = label;
        button.onclick = () => post("act", {act: "clicks", ...who(), message_id: message.message_id, button: label});
        group.append(button);
      }
      line.append(group);
    }
    return line;
  }));
  $("form").scrollIntoView();
}
$("form").onsubmit = event => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (text) post("act", {act: "sends", ...who(), text});
  $("text").value = "";
};
$("text").onkeydown = event => {
  if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); $("form").requestSubmit(); }
};
get("state").then(state => {
  for (const bot of state.bots) $("bot").add(new Option("@" + bot.username, bot.id));
  for (const user of state.users) $("user").add(new Option(user.name, user.id));
  show();
  setInterval(show, 700);
});
$("bot").onchange = $("user").onchange = () => { shown = ""; show(); };
</script>
</html>
"""
