// unicom/webchat/webchat.js: <unicom-chat>, and the classes behind it.

import { UnicomChat } from "./elements/unicom-chat.js";
import { definePublic } from "./registry.js";

export * from "./client.js";
export { UnicomChat };

definePublic("unicom-chat", UnicomChat);
