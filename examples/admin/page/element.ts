type Child = Node | string | undefined | false;

/** An element with attributes, of which those that are false or undefined are left out. Text is never read as HTML. */
export function element<Name extends keyof HTMLElementTagNameMap>(
	name: Name,
	attributes: Readonly<Record<string, string | boolean | undefined>> = {},
	...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
	const made = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) {
		if (value === undefined || value === false) continue;
		made.setAttribute(key, value === true ? '' : value);
	}
	made.append(...given(children));
	return made;
}

/** A button that does something, and cannot be pressed again meanwhile. */
export function button(text: string, act: () => Promise<unknown>): HTMLButtonElement {
	const made = element('button', { type: 'button' }, text);
	made.addEventListener('click', async () => {
		made.disabled = true;
		try {
			await act();
		} catch (error) {
			tellFailure(error);
		} finally {
			made.disabled = false;
		}
	});
	return made;
}

/** Says what was done. */
export function tell(text: string): void {
	say(text, '');
}

export function tellFailure(error: unknown): void {
	say(error instanceof Error ? error.message : String(error), 'failed');
}

function say(text: string, className: string): void {
	const message = document.querySelector('#message');
	if (message === null) return;
	message.textContent = text;
	message.className = className;
}

/** Shows this alone. */
export function show(...children: readonly Child[]): void {
	document.querySelector('main')?.replaceChildren(...given(children));
}

function given(children: readonly Child[]): (Node | string)[] {
	return children.filter((child): child is Node | string => child !== undefined && child !== false);
}
