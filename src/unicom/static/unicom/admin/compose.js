// Composing in the admin: the rich editor where it is built in, templates to start from, a preview while one types.
// Without this script the fields are plain text areas, and the preview is a button.

const dark = () => {
  const theme = document.documentElement.dataset.theme;
  return theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
};

// Tags between the parts of a table: a browser would move them out of it, so the editor does not get to see them.
// It looks at each once more by itself to put it back, hence the beginning and the end.
const BETWEEN_CELLS = /(?<=(?:^|<\/?t(?:able|head|body|foot|r)\b[^>]*>|<\/t[dh]>|%\})\s*)\{%[\s\S]*?%\}(?=\s*(?:$|<\/?t|\{%))/g;

// HugeRTE is ours; TinyMCE comes from its cloud where the project has a key for it. Both have the same interface.
const editors = () => window.hugerte ?? window.tinymce;

function startEditor(area) {
  const api = editors();
  if (!api) return; // it was not built in: the plain text area stays
  api.init({
    target: area,
    ...(window.hugerte ? { base_url: area.dataset.unicomEditor, suffix: ".min" } : {}),
    skin: dark() ? "oxide-dark" : "oxide",
    content_css: dark() ? "dark" : "default",
    menubar: false,
    branding: false,
    promotion: false,
    min_height: 320,
    plugins: "autolink charmap code directionality fullscreen image link lists searchreplace table wordcount",
    toolbar:
      "undo redo | blocks fontfamily fontsize | bold italic underline forecolor backcolor | link image table | " +
      "alignleft aligncenter alignright | bullist numlist outdent indent | removeformat | code fullscreen",
    toolbar_mode: "wrap",
    entity_encoding: "raw",
    convert_urls: false,
    relative_urls: false,
    verify_html: false,
    protect: [BETWEEN_CELLS],
    paste_data_images: true,
    automatic_uploads: false,
    file_picker_types: "image",
    file_picker_callback: pickImage,
    setup: (editor) => editor.on("input change undo redo", () => {
      editor.save();
      area.dispatchEvent(new Event("input", { bubbles: true }));
    }),
  });
}

function pickImage(done) {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = "image/png,image/jpeg,image/gif,image/webp";
  input.addEventListener("change", () => {
    const reader = new FileReader();
    reader.addEventListener("load", () => done(reader.result, { alt: input.files[0].name }));
    if (input.files[0]) reader.readAsDataURL(input.files[0]);
  });
  input.click();
}

function write(area, value) {
  const editor = editors()?.get(area.id);
  if (editor) editor.setContent(value);
  area.value = value;
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

function startTemplates(select) {
  const form = select.form;
  const channel = form.elements.namedItem("channel");
  let known = [];
  async function load() {
    const url = new URL(select.dataset.unicomTemplates, location.href);
    if (channel?.value) url.searchParams.set("channel_id", channel.value);
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    known = answer.ok ? await answer.json() : [];
    select.replaceChildren(new Option("---------", ""), ...known.map((item) => new Option(item.title, item.id)));
    select.disabled = known.length === 0;
  }
  channel?.addEventListener("change", load);
  select.addEventListener("change", () => {
    const chosen = known.find((item) => String(item.id) === select.value);
    if (!chosen) return;
    const looksLikeHtml = /<\w+[^>]*>/.test(chosen.content);
    const area = form.elements.namedItem(looksLikeHtml ? "html" : "text") ?? form.elements.namedItem("html");
    write(area, chosen.content);
    const subject = form.elements.namedItem("subject");
    if (chosen.subject && subject && !subject.value) subject.value = chosen.subject;
    select.value = "";
  });
  load();
}

function startPreview(button) {
  const form = button.form;
  let timer = 0;
  let shown = false;
  button.addEventListener("click", () => {
    shown = true;
    editors()?.triggerSave();
  });
  form.addEventListener("input", () => {
    clearTimeout(timer);
    if (shown) timer = setTimeout(() => form.requestSubmit(button), 800);
  });
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("textarea[data-unicom-editor]").forEach(startEditor);
  document.querySelectorAll("select[data-unicom-templates]").forEach(startTemplates);
  document.querySelectorAll("button[data-unicom-preview]").forEach(startPreview);
});
