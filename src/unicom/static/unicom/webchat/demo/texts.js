// The words the scripts show: translated by the template, read from its data attributes.

const source = document.getElementById("demo-texts");

/**
 * @param {string} name the data attribute, in camel case
 * @param {Record<string, string>} [values] for the {placeholders}
 */
export function text(name, values = {}) {
  const pattern = source?.dataset[name] ?? name;
  return pattern.replace(/\{(\w+)\}/g, (whole, key) => (Object.hasOwn(values, key) ? values[key] : whole));
}
