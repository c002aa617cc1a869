// Keeps the conversation on a chat's page up to date while somebody looks at it.

const LOOK_SECONDS = 3;
const HIDDEN_SECONDS = 20;
const LONGEST_SECONDS = 60;
const WRITING_SECONDS = 4;

class LiveConversation {
  constructor(list) {
    this.list = list;
    this.address = list.dataset.live;
    this.form = document.getElementById(list.dataset.chatForm);
    this.etag = "";
    this.failures = 0;
    this.wroteAt = 0;
    this.isWriting = false;
    this.form?.addEventListener("input", () => this.writes());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.look();
    });
    this.toEnd();
    this.look();
  }

  // Whoever reads the newest message goes on doing so; whoever has scrolled up is left there.
  get isAtEnd() {
    const box = this.list.parentElement;
    return box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  }

  toEnd() {
    const box = this.list.parentElement;
    box.scrollTop = box.scrollHeight;
  }

  writes() {
    const now = Date.now();
    this.isWriting = true;
    if (now - this.wroteAt < WRITING_SECONDS * 1000) return;
    this.wroteAt = now;
    this.look();
  }

  async look() {
    clearTimeout(this.timer);
    try {
      const response = await fetch(this.address, this.request());
      this.isWriting = false;
      // Logged out, or the permission is gone: the page stays as it is.
      if (response.redirected || response.status === 403 || response.status === 404) return;
      if (response.ok) this.show(await response.text(), response.headers.get("ETag"));
      this.failures = response.ok || response.status === 304 ? 0 : this.failures + 1;
    } catch {
      this.failures += 1;
    }
    const wait = (document.hidden ? HIDDEN_SECONDS : LOOK_SECONDS) * 2 ** this.failures;
    this.timer = setTimeout(() => this.look(), Math.min(wait, LONGEST_SECONDS) * 1000);
  }

  request() {
    const headers = this.etag ? { "If-None-Match": this.etag } : {};
    const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value;
    if (document.hidden || !token) return { headers, cache: "no-store" };
    const body = new URLSearchParams(this.isWriting ? { writing: "1" } : {});
    return { method: "POST", headers: { ...headers, "X-CSRFToken": token }, body, cache: "no-store" };
  }

  show(markup, etag) {
    const wasAtEnd = this.isAtEnd;
    const page = new DOMParser().parseFromString(markup, "text/html");
    this.list.replaceChildren(...page.body.childNodes);
    this.etag = etag;
    if (wasAtEnd) this.toEnd();
  }
}

document.addEventListener("DOMContentLoaded", () => {
  for (const list of document.querySelectorAll("[data-live]")) new LiveConversation(list);
});
