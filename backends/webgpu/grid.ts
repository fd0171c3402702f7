import { PreshuffleError } from '../../src/errors.ts';

/**
 * A grid of at least `workgroups` workgroups that respects the device's limit per dimension. Shaders number them
 * `group.x + groups.x * (group.y + groups.y * group.z)` and leave when that is beyond their work: the fold may add some.
 */
export function gridFor(workgroups: number, limit: number): readonly [number, number, number] {
  const z = Math.ceil(workgroups / (limit * limit));
  const y = Math.ceil(workgroups / (limit * z));
  const x = Math.ceil(workgroups / (y * z));
  if (z > limit) {
    throw new PreshuffleError(
      'webgpu-grid',
      `${workgroups} workgroups do not fit a grid of ${limit} in each of three dimensions. Split the work.`,
    );
  }
  return [x, y, z];
}
