// SPDX-License-Identifier: Apache-2.0
// A flame graph's own script: a click zooms, a search marks. Names are only ever read and set as text.
"use strict";
(function () {
	var svg = document.documentElement;
	var width = svg.viewBox.baseVal.width, pad = 10, char = 7.25;
	var details = document.getElementById("details"), matched = document.getElementById("matched");
	var unzoom = document.getElementById("unzoom"), search = document.getElementById("search");
	var frames = Array.prototype.map.call(document.getElementsByClassName("f"), function (g) {
		var title = g.getElementsByTagName("title")[0].textContent;
		return {
			g: g, title: title, name: title.replace(/ \(\d+ samples?, [\d.]+%\)$/, ""),
			rect: g.getElementsByTagName("rect")[0], text: g.getElementsByTagName("text")[0],
			x: Number(g.dataset.x), w: Number(g.dataset.w), d: Number(g.dataset.d)
		};
	});
	var all = frames[0], shown = all;

	function label(frame, w) {
		var letters = Array.from(frame.name), room = Math.floor((w - 6) / char);

		if (room < 3)
			return "";
		return letters.length <= room ? frame.name : letters.slice(0, room - 2).join("") + "..";
	}

	function place(frame, x, w, parent) {
		frame.rect.setAttribute("x", pad + x);
		frame.rect.setAttribute("width", w);
		frame.text.setAttribute("x", pad + x + 3);
		frame.text.textContent = label(frame, w);
		frame.g.classList.remove("hide");
		frame.g.classList.toggle("parent", parent);
	}

	function zoom(to) {
		var scale = (width - 2 * pad) / to.w;

		shown = to;
		frames.forEach(function (f) {
			if (f.d < to.d && f.x <= to.x && f.x + f.w >= to.x + to.w)
				place(f, 0, width - 2 * pad, true);
			else if (f.d >= to.d && f.x >= to.x && f.x + f.w <= to.x + to.w)
				place(f, (f.x - to.x) * scale, f.w * scale, false);
			else
				f.g.classList.add("hide");
		});
		unzoom.classList.toggle("hide", to === all);
	}

	// Samples below marked frames, each once: a frame inside a marked one adds nothing.
	function sum(marked) {
		var n = 0, end = -1;

		marked.sort(function (a, b) { return a.x - b.x || a.d - b.d; }).forEach(function (f) {
			if (f.x >= end) {
				n += f.w;
				end = f.x + f.w;
			}
		});
		return n;
	}

	function mark(term) {
		var test, marked = [];

		try {
			test = new RegExp(term);
		} catch (e) {
			test = { test: function (name) { return name.indexOf(term) >= 0; } };
		}
		frames.forEach(function (f) {
			var yes = term !== "" && f !== all && test.test(f.name);

			f.g.classList.toggle("marked", yes);
			if (yes)
				marked.push(f);
		});
		matched.textContent = term === "" ? "" :
			"matched: " + (100 * sum(marked) / all.w).toFixed(2) + "%";
		search.textContent = term === "" ? "search" : "clear search";
	}

	function ask() {
		if (search.textContent !== "search")
			mark("");
		else
			mark(window.prompt("Mark functions whose name matches this regular expression:") || "");
	}

	frames.forEach(function (f) {
		f.g.addEventListener("click", function () { zoom(f); });
		f.g.addEventListener("mouseover", function () { details.textContent = f.title; });
		f.g.addEventListener("mouseout", function () { details.textContent = ""; });
	});
	unzoom.addEventListener("click", function () { zoom(all); });
	search.addEventListener("click", ask);
	window.addEventListener("keydown", function (e) {
		if (e.key === "Escape" && shown !== all)
			zoom(all);
		if (e.key === "/" || (e.key === "f" && e.ctrlKey)) {
			e.preventDefault();
			ask();
		}
	});
	// For links to a part, and for tests: #zoom=NAME, #search=TERM
	decodeURIComponent(location.hash.slice(1)).split("&").forEach(function (word) {
		var value = word.slice(word.indexOf("=") + 1);

		if (word.startsWith("search="))
			mark(value);
		if (word.startsWith("zoom="))
			frames.some(function (f) { return f.name === value && (zoom(f), true); });
	});
})();
