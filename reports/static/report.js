// Unpacks plotly, which travels in this page, and draws the figures. Nothing is fetched.
"use strict";
(() => {
  const root = document.documentElement;
  const nonce = document.currentScript.nonce;
  const page = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 600px)");
  let printing = false;
  root.classList.add("js");

  const say = (text) => {
    for (const { id } of page.figures) {
      const place = document.getElementById(id);
      if (place.querySelector(".main-svg")) continue;
      place.classList.add("lost");
      place.textContent = `No chart: ${text}. The numbers are in the tables.`;
    }
  };

  async function unpack() {
    if (page.missing) throw new Error(page.missing);
    if (!("DecompressionStream" in window)) throw new Error("this browser cannot unpack the chart library");
    const packed = atob(document.getElementById("plotly").textContent.trim());
    const bytes = Uint8Array.from(packed, (sign) => sign.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const script = document.createElement("script");
    script.nonce = nonce;
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    if (!window.Plotly) throw new Error("the chart library did not start");
  }

  const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();

  // The page's colours for text and grid, in the form of plotly's relayout.
  function dress() {
    const light = printing ? { ink: "#000000", soft: "#444444", line: "#bbbbbb", grid: "#dddddd", page: "#ffffff" } : null;
    const pick = (name) => (light ? light[name] : colour(name));
    const changes = {
      "paper_bgcolor": "rgba(0,0,0,0)",
      "plot_bgcolor": "rgba(0,0,0,0)",
      "font.color": pick("ink"),
      "font.family": getComputedStyle(document.body).fontFamily,
      "font.size": narrow.matches ? 10 : 12,
      "hoverlabel.bgcolor": pick("page"),
      "hoverlabel.bordercolor": pick("line"),
      "hoverlabel.font.color": pick("ink"),
      "hoverlabel.align": "left",
      "modebar.bgcolor": "rgba(0,0,0,0)",
      "modebar.color": pick("soft"),
      "modebar.activecolor": pick("ink"),
    };
    for (const axis of ["xaxis", "yaxis"]) {
      changes[`${axis}.gridcolor`] = pick("grid");
      changes[`${axis}.linecolor`] = pick("line");
    }
    return changes;
  }

  const redress = () => {
    for (const { id } of page.figures) {
      const place = document.getElementById(id);
      if (place.querySelector(".main-svg")) window.Plotly.relayout(place, dress());
    }
  };

  // The buttons are named one by one: plotly's own set has one that sends the chart away.
  const config = {
    displayModeBar: matchMedia("(hover: hover)").matches ? "hover" : false,
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
    displaylogo: false,
    responsive: true,
    showTips: false,
    plotlyServerURL: "",
    topojsonURL: "",
  };
  const pause = () => new Promise((done) => setTimeout(done, 0));

  async function draw() {
    await unpack();
    for (const { id, data, layout } of page.figures) {
      const place = document.getElementById(id);
      await window.Plotly.newPlot(place, data, layout, config);
      await window.Plotly.relayout(place, dress());
      await pause();
    }
    dark.addEventListener("change", redress);
    narrow.addEventListener("change", redress);
    root.dataset.charts = "drawn";
  }

  addEventListener("beforeprint", () => {
    printing = true;
    for (const one of document.querySelectorAll("details:not([open])")) {
      one.open = true;
      one.dataset.opened = "";
    }
    redress();
  });
  addEventListener("afterprint", () => {
    printing = false;
    for (const one of document.querySelectorAll("details[data-opened]")) {
      one.open = false;
      delete one.dataset.opened;
    }
    redress();
  });

  draw().catch((error) => {
    root.dataset.charts = "failed";
    say(error.message);
  });
})();
