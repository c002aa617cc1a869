// Builds each documented module by itself, so that none imports another, and holds them to their size.

import { cpSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = fileURLToPath(new URL("../src/unicom/static/unicom/webchat/", import.meta.url));
const LIMIT_KB = 90;
// What is served as unicom/webchat/<name>.js is built from src/<name>.ts.
const MODULES = ["webchat-with-sidebar", "webchat", "client"];

let tooLarge = false;
for (const name of MODULES) {
  rmSync(`${out}${name}.js`, { force: true });
  await build({
    root: here,
    configFile: false,
    logLevel: "warn",
    build: {
      outDir: out,
      // The folder also holds files that are not built.
      emptyOutDir: false,
      target: "es2022",
      minify: true,
      lib: { entry: `src/${name}.ts`, formats: ["es"], fileName: () => `${name}.js` },
    },
  });
  const kb = gzipSync(readFileSync(`${out}${name}.js`), { level: 9 }).length / 1000;
  tooLarge ||= kb > LIMIT_KB;
  console.log(`${name}.js: ${kb.toFixed(1)} kB gzipped; the limit is ${LIMIT_KB} kB.`);
}

// The admin's rich editor, as it is; of its many files those that are used.
const editor = fileURLToPath(new URL("node_modules/hugerte/", import.meta.url));
const vendor = fileURLToPath(new URL("../src/unicom/static/unicom/vendor/hugerte/", import.meta.url));
const PLUGINS = [
  "autolink",
  "charmap",
  "code",
  "directionality",
  "fullscreen",
  "image",
  "link",
  "lists",
  "searchreplace",
  "table",
  "wordcount",
];
const FILES = [
  "license.txt",
  "hugerte.min.js",
  "icons/default/icons.min.js",
  "models/dom/model.min.js",
  "themes/silver/theme.min.js",
  "skins/content/dark/content.min.css",
  "skins/content/default/content.min.css",
  "skins/ui/oxide/content.min.css",
  "skins/ui/oxide/skin.min.css",
  "skins/ui/oxide-dark/content.min.css",
  "skins/ui/oxide-dark/skin.min.css",
  ...PLUGINS.map((name) => `plugins/${name}/plugin.min.js`),
];
rmSync(vendor, { recursive: true, force: true });
for (const file of FILES) cpSync(`${editor}${file}`, `${vendor}${file}`);

if (tooLarge) {
  console.error("A module is larger than its limit.");
  process.exit(1);
}
