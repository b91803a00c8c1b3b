import { Type } from 'typebox'

export const AcceptedAppointment = Type.Object({ privileges: Type.Array(Type.String()) })
