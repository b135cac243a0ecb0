import { Screen, makeScreen } from "./screen";
import { Signals } from "./signals";

/** The screen and the signals of this process. Each verb makes one context and hands it to everything that it calls. */
export interface Context {
  readonly screen: Screen;
  readonly signals: Signals;
}

export const makeContext = (): Context => ({ screen: makeScreen(), signals: new Signals() });
