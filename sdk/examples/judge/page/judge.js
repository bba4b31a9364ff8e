"use strict";
// What strangers' programs wrote is only ever text here (textContent): no HTML is made of it.

const byId = id => document.getElementById(id);

function element(name, text, className) {
	const e = document.createElement(name);
	e.textContent = text;
	if (className)
		e.className = className;
	return e;
}

const reasons = {
	"wall-time": "Out of time",
	"cpu-time": "Out of CPU time",
	"output": "Too much output",
	"memory": "Out of memory",
	"killed": "Killed",
};

// What is said first, and whether it is good news.
function verdict(answer) {
	if (!answer.run)
		return [reasons[answer.compile.end] ? `Compiler: ${reasons[answer.compile.end]}` : "It does not compile", false];
	const run = answer.run;
	if (run.end === "signalled")
		return [`Ended by ${run.signal}`, false];
	if (run.end !== "exited")
		return [reasons[run.end] || run.end, false];
	if (answer.accepted === true)
		return ["Accepted", true];
	if (run.exit_code === 0 && answer.accepted === false)
		return ["Wrong output", false];
	return [`Exit code ${run.exit_code}`, run.exit_code === 0];
}

function bytes(n) {
	return n < 1024 * 1024 ? `${Math.ceil(n / 1024)} KiB` : `${(n / 1024 / 1024).toFixed(1)} MiB`;
}

function facts(stage) {
	const list = document.createElement("dl");
	const add = (name, value) => list.append(element("dt", name), element("dd", value));
	if (stage.message)
		add("Reason", stage.message);
	add("CPU time", `${stage.cpu_ms} ms`);
	add("Time", `${stage.wall_ms} ms`);
	if (stage.memory !== null)
		add("Memory", bytes(stage.memory));
	return list;
}

function block(into, title, text) {
	if (text === "")
		return;
	const pre = element("pre", text);
	pre.tabIndex = 0; // it scrolls
	into.append(element("h3", title), pre);
}

function denied(into, stage) {
	if (!stage.denied.length)
		return;
	const list = document.createElement("ul");
	for (const d of stage.denied) {
		const help = d.allowed_by ? ` (sandbox run ${d.allowed_by} would allow it)` : "";
		list.append(element("li", `${d.operation} ${d.path}${help}`));
	}
	into.append(element("h3", `Denied: ${stage.denied_total}`), list);
}

function show(text, good, fill) {
	const title = byId("verdict"), stages = byId("stages");
	title.textContent = text;
	title.className = good === null ? "" : good ? "good" : "bad";
	stages.replaceChildren();
	if (fill)
		fill(stages);
	byId("result").hidden = false;
}

function showAnswer(answer) {
	show(...verdict(answer), stages => {
		if (answer.run) {
			block(stages, answer.run.truncated ? "Output (its beginning)" : "Output", answer.run.stdout);
			block(stages, "Errors that it wrote", answer.run.stderr);
			stages.append(element("h3", "Program"), facts(answer.run));
			denied(stages, answer.run);
		}
		block(stages, "Compiler says", answer.compile.stdout + answer.compile.stderr);
		stages.append(element("h3", "Compiler"), facts(answer.compile));
	});
}

async function submit() {
	const body = {source: byId("source").value, stdin: byId("stdin").value};
	if (byId("expected").value !== "")
		body.expected = byId("expected").value;
	const reply = await fetch("/run", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});
	const answer = await reply.json();
	if (reply.ok)
		showAnswer(answer);
	else
		show(answer.error || `The judge answered ${reply.status}`, false);
}

async function onSubmit(event) {
	event.preventDefault();
	if (byId("run").disabled)
		return;
	byId("run").disabled = true;
	byId("result").setAttribute("aria-busy", "true");
	show("Running…", null);
	try {
		await submit();
	} catch {
		show("The judge cannot be reached", false);
	}
	byId("result").setAttribute("aria-busy", "false");
	byId("run").disabled = false;
	byId("verdict").focus();
}

byId("form").addEventListener("submit", onSubmit);
byId("form").addEventListener("keydown", event => {
	if (event.key === "Enter" && (event.ctrlKey || event.metaKey))
		byId("form").requestSubmit();
});
