// Node's `ws` with a linear publish/subscribe router: every subscription of the topic is asked.
// usage: node node_peer.js PORT MESSAGES SUBSCRIPTIONS; prints {"seconds": ..., "matched": ...}
const WebSocket = require("ws");
const [port, messages, subscriptions] = process.argv.slice(2).map(Number);
const MATCHING = 11; // the same ids as in messages.py
const EXECUTIONS = 1000;

let seen = 0;
let matched = 0;
const subscribers = [{ filter: null, callback: () => { seen += 1; } }];
for (let number = 0; number < subscriptions - 1; number += 1) {
  const execution = number < MATCHING ? number : EXECUTIONS + number;
  const id = `${String(execution).padStart(8, "0")}-678f-4ba6-bcd1-5189b2ad2ac7`;
  subscribers.push({
    filter: (message) => message.execution_id === id,
    callback: () => { matched += 1; },
  });
}
const ids = Math.min(subscriptions - 1, MATCHING);
const expected = Math.floor(messages / EXECUTIONS) * ids + Math.min(messages % EXECUTIONS, ids);

const url = `ws://127.0.0.1:${port}/api/v1/ws/unified?count=${messages}`;
const socket = new WebSocket(url, { perMessageDeflate: false });
let start = null;
socket.on("message", (data) => {
  const message = JSON.parse(data);
  if (message.type === "handshake") {
    start = process.hrtime.bigint();
    socket.send("go");
    return;
  }
  for (const { filter, callback } of subscribers) {
    if (filter === null || filter(message)) callback(message);
  }
  if (seen === messages) {
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    if (matched !== expected) throw new Error(`${matched} events were matched, not ${expected}`);
    console.log(JSON.stringify({ seconds, matched }));
    socket.terminate();
  }
});
