// The page from top to bottom; what has nothing to say is left out.

const SECTIONS = [
  ["findings", T.findings, drawFindings()],
  ["labels", T.labels, drawLabels()],
  ["lengths", T.lengths, drawLengths()],
  ["rejects", T.rejects, drawRejects()],
  ["sources", T.sources, drawSources()],
  ["samples", T.samples, drawSamples()],
];
drawHead(SECTIONS);
document.getElementById("main").append(el("section", { id: "overview" }, drawOverview()),
  ...SECTIONS.filter(([, , body]) => body).map(([name, label, body]) => el("section", { id: name }, el("h2", {}, label), body)));
if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
