export * from 'p-limit'
export {default} from 'p-limit'
