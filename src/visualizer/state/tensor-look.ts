import { type Signal, signal } from '@preact/signals';

/** Orders in which the Tensor screen shows the elements. */
export const ORDERS = ['logical', 'memory'] as const;
export const order: Signal<(typeof ORDERS)[number]> = signal('logical');

/** Whether colours are spread over the range of the data, a mode that only a file has. */
export const byRange: Signal<boolean> = signal(true);
