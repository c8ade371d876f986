// The page of a VNC console: takes the token out of its address and connects noVNC by it.
// The token stands behind the #, so that no server and no log sees it; it is good for one try.
import RFB from "/console/novnc.js";

const state = document.getElementById("state");
const token = new URLSearchParams(location.hash.slice(1)).get("token");
history.replaceState(null, "", location.pathname);

const say = (text) => {
  state.textContent = text;
};

// What the server said when it closed: noVNC only tells that it did.
const REASONS = {
  4401: "This link was used already, or is too old",
  4404: "The guest does not run",
  4408: "Closed, because nothing passed for 15 minutes",
  4429: "Too many consoles of this instance are open",
};

function connect() {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const address = `${scheme}//${location.host}/v1/consoles/ws?token=${encodeURIComponent(token)}`;
  const socket = new WebSocket(address, ["binary"]);
  let reason = "The connection has ended";
  socket.addEventListener("close", (event) => {
    reason = REASONS[event.code] ?? (event.reason || reason);
    say(`${reason}. Ask for a new one.`);
  });
  const screen = new RFB(document.getElementById("screen"), socket, { shared: true });
  screen.scaleViewport = true;
  screen.addEventListener("connect", () => {
    say("Connected");
    screen.focus();
  });
  screen.addEventListener("securityfailure", (event) => {
    reason = event.detail.reason ?? reason;
  });
  screen.addEventListener("desktopname", (event) => {
    document.title = `${event.detail.name} – Console`;
  });
  const button = document.getElementById("ctrl-alt-del");
  button.disabled = false;
  button.addEventListener("click", () => screen.sendCtrlAltDel());
}

if (token) {
  connect();
} else {
  say("This address has no token in it, or was used already. Ask for a new one.");
}
