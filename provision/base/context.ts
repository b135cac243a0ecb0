import { Screen, makeScreen } from "./screen";
import { Signals } from "./signals";

/** What a verb has of the process that it runs in: made once by each verb and handed to all that it calls. */
export interface Context {
  readonly screen: Screen;
  readonly signals: Signals;
}

export const makeContext = (): Context => ({ screen: makeScreen(), signals: new Signals() });
