/** A UUID of any version, in small letters or capitals, with its hyphens. */
export const uuidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
