// unicom/webchat/webchat-with-sidebar.js: both elements, and the classes behind them.

import { UnicomChat } from "./elements/unicom-chat.js";
import { UnicomChatWithSidebar } from "./elements/with-sidebar.js";
import { definePublic } from "./registry.js";

export * from "./client.js";
export { UnicomChat, UnicomChatWithSidebar };

definePublic("unicom-chat", UnicomChat);
definePublic("unicom-chat-with-sidebar", UnicomChatWithSidebar);
