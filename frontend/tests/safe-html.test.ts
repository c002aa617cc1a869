import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { blocksOf, wordsOf } from "../src/markdown.js";
import { safeFragment, safeUrl } from "../src/safe-html.js";

const HOSTILE = [
  "<script>window.hit = 1</script>",
  "<img src=x onerror='window.hit = 1'>",
  "<svg onload='window.hit = 1'></svg>",
  "<svg><script>window.hit = 1</script></svg>",
  "<svg><animate onbegin='window.hit = 1' attributeName=x dur=1s>",
  "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=window.hit=1&gt;'>",
  "<iframe srcdoc='<script>parent.hit = 1</script>'></iframe>",
  "<iframe src='javascript:parent.hit = 1'></iframe>",
  "<object data='javascript:window.hit = 1'></object>",
  "<embed src='javascript:window.hit = 1'>",
  "<a href='javascript:window.hit = 1'>x</a>",
  "<a href='java\nscript:window.hit = 1'>x</a>",
  "<a href='&#106;avascript:window.hit = 1'>x</a>",
  "<a href='data:text/html,<script>window.hit = 1</script>'>x</a>",
  "<a href='vbscript:x'>x</a>",
  "<form action='/steal'><input name=password><button>ok</button></form>",
  "<input autofocus onfocus='window.hit = 1'>",
  "<details open ontoggle='window.hit = 1'><summary>x</summary></details>",
  "<style>* { display: none }</style>",
  "<p style='position:fixed;inset:0'>x</p>",
  "<link rel=stylesheet href='//evil.example/x.css'>",
  "<meta http-equiv=refresh content='0;url=//evil.example'>",
  "<base href='//evil.example/'>",
  "<video src=x onerror='window.hit = 1'></video>",
  "<template><script>window.hit = 1</script></template>",
  "<noscript><p title='</noscript><img src=x onerror=window.hit=1>'>",
  "<b id=getElementById name=cookie>x</b>",
  "<p class='notice error'>x</p>",
  "<x-foo onclick='window.hit = 1'>x</x-foo>",
  "<unicom-chat api-base='//evil.example'></unicom-chat>",
  "<slot name=empty></slot>",
  "<button popovertarget=x>x</button>",
  "[x](javascript:window.hit=1)",
  "[x](data:text/html;base64,PHNjcmlwdD5oaXQ9MTwvc2NyaXB0Pg==)",
  "![x](x 'y\" onerror=\"window.hit=1')",
  "<javascript:window.hit=1>",
  "`<img src=x onerror=window.hit=1>`",
];

declare global {
  interface Window {
    hit?: number;
  }
}

describe("what others write", () => {
  let place: HTMLElement;

  beforeEach(() => {
    window.hit = undefined;
    place = document.createElement("div");
    document.body.append(place);
  });
  afterEach(() => place.remove());

  test.each(HOSTILE)("never runs, nor loads, nor poses as ours: %s", async (source) => {
    const asMarkdown = blocksOf(source).flatMap((block) => (block.kind === "html" ? [block.html] : []));
    for (const html of [source, ...asMarkdown]) place.append(safeFragment(html));
    for (const element of place.querySelectorAll("*")) {
      expect(
        element.matches("script,iframe,object,embed,style,link,meta,base,form,input,button,svg,math,template,slot"),
      ).toBe(false);
      expect(element.localName).not.toContain("-");
      for (const { name, value } of element.attributes) {
        expect(name).not.toMatch(/^on|^style$|^id$|^name$|^srcdoc$/);
        if (["href", "src"].includes(name))
          expect(new URL(value, location.href).protocol).toMatch(/^(https?|mailto|tel):$/);
      }
      if (element.className) expect(element.className).toBe("table");
    }
    for (const element of place.querySelectorAll<HTMLElement>("a, summary"))
      element.addEventListener("click", (e) => e.preventDefault());
    for (const element of place.querySelectorAll<HTMLElement>("a")) element.click();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(window.hit).toBeUndefined();
  });

  test("loads no picture from elsewhere, which would tell that server who reads", () => {
    place.append(safeFragment("<p><img src='https://evil.example/pixel.png?who=1' alt='a chart'></p>"));
    expect(place.querySelector("img")).toBeNull();
    expect(place.querySelector("a")?.textContent).toBe("a chart");
  });

  test("keeps pictures of the site itself", () => {
    place.append(safeFragment("<img src='/media/x.png' alt='x'>"));
    expect(place.querySelector("img")?.getAttribute("loading")).toBe("lazy");
  });

  test("opens links in a tab that cannot reach back", () => {
    place.append(safeFragment("<a href='https://example.org/' target='_top'>x</a>"));
    const link = place.querySelector("a");
    expect([link?.target, link?.rel]).toEqual(["_blank", "noopener noreferrer nofollow"]);
  });
});

test("HTML in a text is shown as it was written, but for a few bare tags", () => {
  const html = (text: string) => blocksOf(text).map((block) => (block.kind === "html" ? block.html.trim() : ""));
  expect(html("a<br>b <sup>2</sup> <i onclick=x>c</i>")).toEqual([
    "<p>a<br>b <sup>2</sup> &lt;i onclick=x&gt;c</i></p>",
  ]);
  expect(html("<div onclick='x'>\n<b>y</b>\n</div>")).toEqual([
    "<p>&lt;div onclick='x'&gt;\n&lt;b&gt;y&lt;/b&gt;\n&lt;/div&gt;</p>",
  ]);
});

test("the words of a text are what is left without its marks", () => {
  expect(wordsOf("# Plan\n\n1. **Friday:** `a_b` at [LX](https://example.org)\n- 2 * 3 * 4")).toBe(
    "Plan Friday: a_b at LX 2 * 3 * 4",
  );
});

test("a URL of another kind than a link's is none", () => {
  expect(safeUrl("javascript:alert(1)")).toBeNull();
  expect(safeUrl(" java\tscript:alert(1)")).toBeNull();
  expect(safeUrl("https://example.org/a b")).toBe("https://example.org/a%20b");
  expect(safeUrl("http://[")).toBeNull();
  expect(safeUrl(null)).toBeNull();
});
