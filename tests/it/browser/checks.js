// Problems of the current page: each names an element and what is wrong with it.
(width) => {
  const complaints = [];
  const shown = (element) => !element.closest(".unseen, .skip, thead, head") && element.checkVisibility();
  const name = (element) => `${element.tagName}.${element.className}: ${element.textContent.slice(0, 40)}`;
  const rgb = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = color.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (element) => {
    for (; element; element = element.parentElement) {
      const color = rgb(getComputedStyle(element).backgroundColor);
      if (color.length === 3) return color;
    }
    return [255, 255, 255];
  };
  if (document.documentElement.scrollWidth > width) complaints.push(`scrolls to ${document.documentElement.scrollWidth}`);
  for (const element of document.querySelectorAll("body *")) {
    if (!shown(element)) continue;
    const box = element.getBoundingClientRect();
    if (box.left < -0.5 || box.right > width + 0.5) complaints.push(`${name(element)} from ${box.left} to ${box.right}`);
    if (element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== "inline" && element.tagName !== "PROGRESS")
      complaints.push(`${name(element)} is cut or runs over`);
    const hasText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!hasText) continue;
    const style = getComputedStyle(element);
    if (parseFloat(style.fontSize) < 14) complaints.push(`${name(element)} has ${style.fontSize}`);
    const [dark, light] = [luminance(rgb(style.color)), luminance(background(element))].sort((a, b) => a - b);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < 4.5) complaints.push(`${name(element)} has a contrast of ${contrast}`);
  }
  return complaints;
}
