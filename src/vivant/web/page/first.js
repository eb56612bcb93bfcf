// Says what is missing before anything modern runs; old syntax on purpose.
"use strict";
window.addEventListener("error", function (event) {
  var target = event.target;
  var file = target && target !== window && (target.src || target.href);
  showProblem(file ? file.split("/").pop() + " is missing; export the folder again" : event.message);
}, true);
window.addEventListener("unhandledrejection", function (event) {
  showProblem(String((event.reason && event.reason.message) || event.reason));
});

var SERVE = "A browser does not let files load each other: serve this folder, for example by "
  + "python -m http.server, and open http://localhost:8000/";

function showProblem(text) {
  var place = document.getElementById("problem");
  place.textContent = location.protocol === "file:" ? SERVE : text;
  place.hidden = false;
  document.getElementById("state").hidden = true;
}

if (location.protocol === "file:") showProblem(SERVE);
