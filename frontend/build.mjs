// Builds each documented module by itself, so that none imports another, and holds them to their size.

import { readFileSync, rmSync } from "node:fs";
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
if (tooLarge) {
  console.error("A module is larger than its limit.");
  process.exit(1);
}
