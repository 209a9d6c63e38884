/*
 * Speaks calls one after the other: a chime, then the number in each language. A call that comes
 * while another is spoken waits for it, and is dropped if it is over by then. Without clips (no speech program) the chime is left.
 */

const GAP_MS = 350;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export class Announcer {
  constructor({ speech, languages, onAnnounce, isCurrent }) {
    this.speech = speech;
    this.languages = languages;
    this.onAnnounce = onAnnounce ?? (() => {});
    this.isCurrent = isCurrent ?? (() => true);
    this.waiting = [];
    this.speaking = false;
    this.clips = new Map();
    this.audio = new (window.AudioContext ?? window.webkitAudioContext)();
  }

  get canSound() {
    return this.audio.state === "running";
  }

  async unlock() {
    await this.audio.resume();
  }

  announce(call) {
    const same = this.waiting.find((other) => other.ticket === call.ticket);
    if (same) Object.assign(same, call);
    else this.waiting.push(call);
    if (!this.speaking) this.run();
  }

  async run() {
    this.speaking = true;
    while (this.waiting.length > 0) {
      const call = this.waiting.shift();
      if (!this.isCurrent(call)) continue;
      this.onAnnounce(call);
      const clips = this.languages.map((language) => this.clip(language, call));
      await this.chime();
      for (const clip of clips) await this.play(await clip);
      await pause(GAP_MS);
    }
    this.speaking = false;
  }

  async chime() {
    const start = this.audio.currentTime + 0.02;
    this.bell(start, 659);
    this.bell(start + 0.42, 523);
    await pause(1500);
  }

  bell(at, frequency) {
    if (!this.canSound) return;
    for (const [ratio, loudness] of [[1, 0.5], [2, 0.16], [3, 0.06]]) {
      const gain = this.audio.createGain();
      const tone = this.audio.createOscillator();
      tone.frequency.value = frequency * ratio;
      gain.gain.setValueAtTime(0.0001, at);
      gain.gain.exponentialRampToValueAtTime(loudness, at + 0.015);
      gain.gain.exponentialRampToValueAtTime(0.0001, at + 1.3 / ratio);
      tone.connect(gain).connect(this.audio.destination);
      tone.start(at);
      tone.stop(at + 1.4);
    }
  }

  async clip(language, { number, counter }) {
    const address = `${this.speech}?${new URLSearchParams({ lang: language, number, counter })}`;
    if (!this.clips.has(address)) {
      try {
        const answer = await fetch(address, { signal: AbortSignal.timeout(6000) });
        if (!answer.ok) return null;
        this.clips.set(address, await this.audio.decodeAudioData(await answer.arrayBuffer()));
        if (this.clips.size > 40) this.clips.delete(this.clips.keys().next().value);
      } catch {
        return null;
      }
    }
    return this.clips.get(address);
  }

  play(buffer) {
    if (!buffer || !this.canSound) return Promise.resolve();
    return new Promise((done) => {
      const source = this.audio.createBufferSource();
      source.buffer = buffer;
      source.connect(this.audio.destination);
      source.onended = () => setTimeout(done, GAP_MS);
      source.start();
    });
  }
}
