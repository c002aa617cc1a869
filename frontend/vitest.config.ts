import { execFileSync } from "node:child_process";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";

// The system's browser: none is downloaded.
const program = execFileSync("sh", [
  "-c",
  "command -v chromium || command -v chromium-browser || command -v google-chrome",
])
  .toString()
  .trim();

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({
        launchOptions: {
          executablePath: program,
          args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        },
      }),
      instances: [{ browser: "chromium", viewport: { width: 1000, height: 700 } }],
    },
  },
});
